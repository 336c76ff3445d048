"""Kraken: WebSocket v2 and the listing of asset pairs."""
