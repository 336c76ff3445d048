"""Binance Spot: tasks over one WebSocket API session, sub-second moves over its market streams."""
