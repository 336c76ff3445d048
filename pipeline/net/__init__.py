"""Network plumbing that every source shares: WebSocket and HTTP clients, reconnecting, `Retry-After`."""
