"""The last trades of an instrument."""
