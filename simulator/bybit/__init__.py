"""Bybit v5 spot as clients see it: the public WebSocket and the listing of instruments."""
