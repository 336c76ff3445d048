"""Coinbase Exchange as clients see it: its WebSocket feed and its product listing."""
