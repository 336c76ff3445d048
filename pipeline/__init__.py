"""The pipeline from sources to the cache: producer, task queue, consumers and push feeds.

Does not know the cache's readers.
"""
