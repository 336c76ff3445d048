"""Documents of the benchmarks: seven fields of a rate, about 220 bytes of response each."""

import json
import random
from collections.abc import Sequence

from bench.environment import Dialect
from rates.symbol import Symbol

# Different queries, so that no server can answer from a single cached response.
VARIETY = 50
LIST_LENGTH = 10
# The same lists in every measurement: a server that runs on knows them.
SEED = 4


def make_queries(
    symbols: Sequence[Symbol], count: int, dialect: Dialect, variety: int = VARIETY
) -> list[str]:
    """Return different HTTP bodies that query `count` rates each; 1 uses the field `rate`."""
    texts, scalar = [str(each) for each in symbols], dialect.symbol
    if count == 1:
        document = f"query Rate($symbol: {scalar}!) {{ rate(symbol: $symbol) {{ {_fields(dialect)} }} }}"
        return [json.dumps({"query": document, "variables": {"symbol": each}}) for each in texts[:variety]]
    document, chance = _rates("query", dialect), random.Random(SEED)  # noqa: S311 - the same each time
    return [
        json.dumps({"query": document, "variables": {"symbols": chance.sample(texts, count)}})
        for _ in range(variety)
    ]


def make_subscription(symbols: Sequence[Symbol], dialect: Dialect) -> str:
    """Return a subscribe message for these symbols."""
    document = _rates("subscription", dialect)
    payload = {"query": document, "variables": {"symbols": [str(each) for each in symbols]}}
    return json.dumps({"id": "1", "type": "subscribe", "payload": payload})


def make_resume(symbols: Sequence[Symbol], cursor: str, dialect: Dialect) -> str:
    """Return a subscribe message for these symbols, after a cursor."""
    document = (
        "subscription Rates($symbols: [Symbol!]!, $after: String!) { rates(symbols: $symbols, after: $after) "
        f"{{ kind recovered items {{ {_fields(dialect)} }} }} }}"
    )
    variables = {"symbols": [str(each) for each in symbols], "after": cursor}
    return json.dumps(
        {"id": "1", "type": "subscribe", "payload": {"query": document, "variables": variables}}
    )


def make_lists(symbols: Sequence[Symbol], count: int) -> list[list[Symbol]]:
    """Return `count` random lists with one symbol of each group that the writer writes."""
    groups, chance = [symbols[number::LIST_LENGTH] for number in range(LIST_LENGTH)], random.Random(SEED)  # noqa: S311 - the same each time
    return [[chance.choice(group) for group in groups] for _ in range(count)]


def _rates(operation: str, dialect: Dialect) -> str:
    return (
        f"{operation} Rates($symbols: [{dialect.symbol}!]!) "
        f"{{ rates(symbols: $symbols) {{ items {{ {_fields(dialect)} }} }} }}"
    )


def _fields(dialect: Dialect) -> str:
    return f"symbol {dialect.source} price bid ask observedAt ageMs"
