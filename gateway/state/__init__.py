"""The state of a gateway process: the mirror of the cache and the instrument catalog."""
