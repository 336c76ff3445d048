"""The embedded system: every part in one process, wired with in-process queue, cache and SQLite. Wiring only, no logic."""
