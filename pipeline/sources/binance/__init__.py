"""Binance Spot: polled over one WebSocket API session, with a push feed over market streams."""
