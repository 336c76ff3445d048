"""Push feeds: connections, pacing, reconnecting and silence detection for all sources."""
