"""Kraken: a push feed of tickers over WebSocket v2, numbers bare, a heartbeat each second."""
