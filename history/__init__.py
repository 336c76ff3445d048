"""Candles and instants of the past, made from trades.

Never asks a source, and never fills in what it does not know.
"""
