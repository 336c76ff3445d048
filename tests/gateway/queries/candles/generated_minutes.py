"""Generated minutes over a change of the clocks, and a fold of their own."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from history.bar import Bar
from history.bar_rows import to_row

MINUTES = 16 * 60
MINUTE = timedelta(minutes=1)
# Berlin set its clocks forward at one o'clock UTC on the 31st of March 2024, and back on the 27th of October.
STARTS = {"march": datetime(2024, 3, 30, 18, tzinfo=UTC), "october": datetime(2024, 10, 26, 18, tzinfo=UTC)}
PRICES = ("7", "7.0", "7.00", "6.9", "7.1", "0.00000001", "123456789.5")
AMOUNTS = ("1", "0.10", "12.345678901234567890", "0", "1000000")


@dataclass(frozen=True)
class Minute:
    """One revision of a minute, as text. Without prices nothing was traded."""

    at: datetime
    revision: int
    known_at: datetime
    coverage: str
    prices: tuple[str, ...]
    volume: str
    quote_volume: str
    trades: int

    def row(self, series: int) -> dict[str, object]:
        """Return the columns of the table."""
        bar = None
        if self.prices:
            opening, high, low, close = map(Decimal, self.prices)
            bar = Bar(
                opening,
                high,
                low,
                close,
                Decimal(self.volume),
                Decimal(self.quote_volume),
                self.trades,
                "",
                "",
                self.at + timedelta(seconds=1),
                self.at + timedelta(seconds=59),
            )
        return to_row(series, self.at, self.revision, bar, self.known_at) | {"coverage": self.coverage}


@dataclass
class Expected:
    """The content of a candle."""

    coverage: str
    prices: list[str] | None
    volume: Decimal
    trades: int
    revision: int


def generate(chance: random.Random, first: datetime) -> Iterator[Minute]:
    """Yield the minutes of one instrument from a time on, some of them missing, some corrected."""
    for number in range(MINUTES):
        at = first + number * MINUTE
        for revision in range(chance.choices((0, 1, 2), (2, 20, 2))[0]):
            coverage = chance.choices(("COMPLETE", "NO_TRADES", "PARTIAL", "UNKNOWN"), (20, 5, 1, 1))[0]
            prices = [chance.choice(PRICES) for _ in range(4)] if coverage in {"COMPLETE", "PARTIAL"} else []
            if prices:
                prices[1], prices[2] = max(prices, key=Decimal), min(prices, key=Decimal)
            yield Minute(
                at,
                revision,
                at + timedelta(seconds=62 + 300 * revision),
                coverage,
                tuple(prices),
                chance.choice(AMOUNTS),
                chance.choice(AMOUNTS),
                chance.randint(1, 9),
            )


def expect(
    minutes: Sequence[Minute], opening: datetime, closing: datetime, known_at: datetime | None
) -> Expected:
    """Return what the candle of a span must say."""
    newest: dict[datetime, Minute] = {}
    for minute in minutes:
        if opening <= minute.at < closing and (known_at is None or minute.known_at <= known_at):
            newest[minute.at] = minute
    inside = [newest[at] for at in sorted(newest)]
    traded = [minute for minute in inside if minute.prices]
    whole = sum(minute.coverage in {"COMPLETE", "NO_TRADES"} for minute in inside)
    if whole * MINUTE == closing - opening:
        coverage = "COMPLETE" if traded else "NO_TRADES"
    elif traded or any(minute.coverage != "UNKNOWN" for minute in inside):
        coverage = "PARTIAL"
    else:
        coverage = "UNKNOWN"
    prices = None
    if traded:
        prices = [
            traded[0].prices[0],
            max((minute.prices[1] for minute in traded), key=Decimal),
            min((minute.prices[2] for minute in traded), key=Decimal),
            traded[-1].prices[3],
        ]
    late = [minute.revision for minute in inside if minute.known_at > closing + timedelta(seconds=0.2)]
    return Expected(
        coverage,
        prices,
        sum((Decimal(minute.volume) for minute in traded), Decimal(0)),
        sum(minute.trades for minute in traded),
        sum(late) if known_at is None or known_at >= closing + timedelta(seconds=0.2) else 0,
    )
