"""Replay of recordings: read, merged, shifted in time and published again."""
