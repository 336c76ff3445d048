"""State that a gateway process keeps in memory: the mirror of the cache and the catalog of tracked instruments."""
