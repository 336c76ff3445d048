"""Push feeds: one protocol core per source, and around all of them the same connections, watchdog and supervisor."""
