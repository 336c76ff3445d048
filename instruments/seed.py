"""The instruments that a new database starts with: every asset of `assets.csv` that a source lists."""

import csv
from collections.abc import Iterator
from importlib import resources

from instruments.instrument import Instrument
from rates.source import Source
from rates.symbol import Symbol


def read_seed() -> Iterator[Instrument]:
    """Each asset's Binance USDT pair and its CoinGecko price in USD, as far as listed."""
    with (resources.files("instruments") / "assets.csv").open(encoding="utf-8") as file:
        for asset in csv.DictReader(file):
            base, name = asset["symbol"], asset["name"]
            if pair := asset["binance_usdt_pair"]:
                yield Instrument(Source.BINANCE, Symbol(base, "USDT"), pair, name)
            if coin := asset["coingecko_id"]:
                yield Instrument(Source.COINGECKO, Symbol(base, "USD"), coin, name)
