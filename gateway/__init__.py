"""Serve GraphQL over HTTP and WebSocket from the cache, without contact to sources."""
