"""Coinbase Exchange: a push feed of matches, with a heartbeat per product every second."""
