"""The embedded system: all parts in one process, with queue, cache and SQLite. Wiring only."""
