"""Candles of the history, of any interval in any time zone."""
