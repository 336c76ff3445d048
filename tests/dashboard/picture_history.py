"""A week of history for the documentation's pictures, as a recorder would have left it."""

import csv
from datetime import timedelta

from instruments.migrations import migrate
from rates.clock import utc_now
from rates.source import Source
from tests.dashboard.seeded_history import SeededMinute, floor_minute, generate_minutes, seed_history
from tests.e2e.processes import ROOT

MINUTES = 8 * 24 * 60
"""Enough for the change over seven days."""
TETHERED = [
    "BTC",
    "ETH",
    "SOL",
    "XRP",
    "BNB",
    "DOGE",
    "PEPE",
    "SHIB",
    "WIF",
    "SUI",
    "DOT",
    "LINK",
    "AVAX",
    "LTC",
    "TON",
    "NEAR",
    "ADA",
]
"""Bases of pairs with USDT, which the picture shows first."""
DOLLARS = ["BTC", "ETH", "SOL"]


async def seed_picture_history(database_url: str) -> None:
    """Create the database of an embedded system, and write the minutes up to now.

    The prices end at those with which the simulator begins.
    """
    await migrate(database_url)
    with (ROOT / "simulator" / "start_prices.csv").open(encoding="utf-8") as file:
        starts = {row["symbol"]: float(row["price_usd"]) for row in csv.DictReader(file)}
    pairs = [(base, "USDT", Source.BINANCE) for base in TETHERED]
    pairs += [(base, "USD", Source.COINBASE) for base in DOLLARS]
    for number, (base, quote, source) in enumerate(pairs):
        await seed_history(database_url, f"{base}/{quote}", _minutes_to(starts[base], number), source)


def _minutes_to(price: float, number: int) -> list[SeededMinute]:
    """Minutes that end near `price`; another walk for each number."""
    start = floor_minute(utc_now()) - timedelta(minutes=MINUTES)
    *_, last = generate_minutes(start, MINUTES, first_price=1_000_000, seed=number + 1)
    assert last.bar is not None
    ratio = float(last.bar.close) / 1_000_000
    return list(generate_minutes(start, MINUTES, first_price=price / ratio, seed=number + 1))
