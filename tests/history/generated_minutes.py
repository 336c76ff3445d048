"""Random minutes, with prices that are equal in value but not in digits."""

import random
from datetime import timedelta
from decimal import Decimal

from history.bar import Bar
from history.bar_rows import to_row
from history.candle import CandleOrigin
from history.coverage import CandleCoverage
from tests.history.trades import at

PRICES = ("7", "7.0", "7.00", "6.9", "7.1", "0.00000001", "123456789.5")


def make_minute(chance: random.Random, series: int, number: int, revision: int) -> dict[str, object]:
    """Return the row of a minute with prices that are equal in value but not in digits."""
    start, coverage = at(60 * number), chance.choice(list(CandleCoverage))
    # Some are the source's own, which may tell neither the number of trades nor the volume in quote.
    is_theirs = chance.random() < 0.02
    bar = None
    if coverage in {CandleCoverage.COMPLETE, CandleCoverage.PARTIAL}:
        prices = [Decimal(chance.choice(PRICES)) for _ in range(4)]
        bar = Bar(
            prices[0],
            max(prices),
            min(prices),
            prices[3],
            Decimal(chance.choice(PRICES)),
            None if is_theirs else Decimal(chance.choice(PRICES)),
            None if is_theirs and chance.random() < 0.5 else chance.randint(1, 9),
            number * 10,
            number * 10 + 9,
            start + timedelta(microseconds=chance.randrange(30_000_000)),
            start + timedelta(microseconds=30_000_000 + chance.randrange(30_000_000)),
        )
    known_at = start + timedelta(seconds=62 + 400 * revision)
    origin = CandleOrigin.EXCHANGE if is_theirs else CandleOrigin.TRADES
    row = to_row(series, start, revision, bar, known_at)
    return row | {"coverage": coverage.value, "origin": origin.value}
