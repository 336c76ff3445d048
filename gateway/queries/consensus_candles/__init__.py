"""Candles of a symbol over several sources, computed from the candles of each."""
