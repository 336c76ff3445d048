"""How often a source may be called: one sliding window for all replicas in Redis, or in process."""
