"""Which of several producers issues a tick: Redis, or trivially in process."""
