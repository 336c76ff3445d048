"""Names and bounds of the queues.

The names are fixed by contract, including the spelling of one.
"""

from rates.source import Source

_FIXED = {Source.BINANCE: "binance_parser", Source.COINGECKO: "coingeko_parser"}

# Enough for over 10 000 instruments in shards of 20 per interval. Expired tasks are removed by the queue.
MAX_TASKS = 1_000
# Dead letters are examples for a person, who does not need all of them.
MAX_DEAD = 1_000


def queue_name(source: Source) -> str:
    """Return the name of a source's task queue."""
    return _FIXED.get(source, f"{source}_parser")


def dead_queue_name(source: Source) -> str:
    """Return the name of a source's dead-letter queue."""
    return f"{queue_name(source)}.dead"
