"""Network code that all sources share: WebSocket and HTTP clients, reconnecting, `Retry-After`."""
