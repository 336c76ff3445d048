"""How GraphQL operations travel: HTTP, event streams, multipart, WebSocket. All carry the same operations."""
