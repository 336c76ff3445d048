"""Source adapters: one folder per source, all with the same files, and shared code."""
