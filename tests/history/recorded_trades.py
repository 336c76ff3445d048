"""An independent fold of the trades of a recording.

JSON and fractions, nothing of the product.
"""

import gzip
import json
from collections.abc import Iterator
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple


class RecordedTrade(NamedTuple):
    """A trade of Binance as it was sent, with its arrival."""

    received_ns: int
    number: int
    milliseconds: int
    price: str
    quantity: str


class RecordedMinute(NamedTuple):
    """Open, high, low and close as they were sent, the exact volume, and the number of trades."""

    open: str
    high: str
    low: str
    close: str
    volume: Fraction
    trades: int


def read_trades(path: Path) -> Iterator[RecordedTrade]:
    """Read the trades of one recording in their order."""
    with gzip.open(path, "rt") as lines:
        for line in lines:
            received, _, text = line.partition(" ")
            if "@trade" in text:
                data = json.loads(text)["data"]
                yield RecordedTrade(int(received), data["t"], data["T"], data["p"], data["q"])


def fold_minutes(path: Path) -> dict[int, RecordedMinute]:
    """Return the minutes of one recording by their first millisecond."""
    minutes: dict[int, list[RecordedTrade]] = {}
    for trade in sorted(read_trades(path), key=lambda one: one.number):
        minutes.setdefault(trade.milliseconds // 60_000 * 60_000, []).append(trade)
    return {
        start: RecordedMinute(
            open=trades[0].price,
            high=max((trade.price for trade in trades), key=Decimal),
            low=min((trade.price for trade in trades), key=Decimal),
            close=trades[-1].price,
            volume=sum((Fraction(trade.quantity) for trade in trades), Fraction(0)),
            trades=len(trades),
        )
        for start, trades in minutes.items()
    }
