"""Kraken: a push feed of tickers over WebSocket v2.

Numbers are JSON numbers; there is a heartbeat every second.
"""
