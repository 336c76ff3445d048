"""Coinbase Exchange: a push feed of one message per match, with a heartbeat per product each second."""
