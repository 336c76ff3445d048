"""Listings: which instruments a source lists and trades.

Halted instruments are removed from the watchlist and return later.
"""
