"""Coinbase Exchange: the WebSocket feed and the product listing."""
