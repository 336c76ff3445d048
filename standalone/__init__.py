"""The embedded system: all parts in one process, with an in-process queue, an in-process cache and SQLite. Wiring only."""
