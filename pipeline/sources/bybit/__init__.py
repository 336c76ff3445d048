"""Bybit: a push feed over WebSocket v5, with bid and ask from the order book."""
