"""Bybit: a push feed of spot tickers over WebSocket v5, best bid and ask from the book's first level."""
