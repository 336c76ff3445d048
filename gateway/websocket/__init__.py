"""GraphQL over WebSocket, in both subprotocols."""
