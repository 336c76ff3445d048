"""Rates at a time of the past: the last trade that is known of it."""
