"""Source adapters: one folder per source, all with the same files, and the code that several of them share."""
