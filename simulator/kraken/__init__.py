"""Kraken as clients see it: WebSocket v2 and the listing of asset pairs."""
