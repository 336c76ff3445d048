"""Summaries of the last day of many symbols at once."""
