"""Candles over plain HTTP: CSV, and TradingView's data feed. The same answers as in GraphQL."""
