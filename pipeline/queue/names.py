"""What the queues are called and how much they hold. The names are fixed by contract, the spelling of one included."""

from rates.source import Source

_FIXED = {Source.BINANCE: "binance_parser", Source.COINGECKO: "coingeko_parser"}

# Over 10 000 instruments in shards of 20: no interval has more tasks, and expired ones make room by themselves.
MAX_TASKS = 1_000
# Dead letters await a person, who needs examples, not all of them.
MAX_DEAD = 1_000


def queue_name(source: Source) -> str:
    """The queue of one source's tasks."""
    return _FIXED.get(source, f"{source}_parser")


def dead_queue_name(source: Source) -> str:
    """The queue of messages of one source that no consumer could use."""
    return f"{queue_name(source)}.dead"
