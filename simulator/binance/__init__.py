"""Binance Spot: WebSocket API, market streams and REST."""
