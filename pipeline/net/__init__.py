"""Network code of all sources: WebSocket and HTTP clients, reconnecting, `Retry-After`."""
