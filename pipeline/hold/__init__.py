"""Until when a source must be left alone, known to all replicas: in Redis, or in process."""
