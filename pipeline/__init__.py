"""From sources to the cache: producer, task queue, consumers, push feed. Never knows who reads the cache."""
