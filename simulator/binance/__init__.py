"""Binance Spot as clients see it: WebSocket API, market streams, REST."""
