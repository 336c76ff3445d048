"""Replay of raw recordings: read, merged, shifted in time and published again, driven by explicit time."""
