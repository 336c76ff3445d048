"""Seed of a new database: all assets of `assets.csv`, from each source that lists them."""

import csv
from collections.abc import Iterator
from importlib import resources

from instruments.instrument import Instrument
from instruments.store import identified
from rates.source import Source
from rates.symbol import Symbol

# Column with the source symbols of each source, and their quote asset.
COLUMNS = {
    Source.BINANCE: ("binance_usdt_pair", "USDT"),
    Source.COINBASE: ("coinbase_product", "USD"),
    Source.KRAKEN: ("kraken_ws_v2", "USD"),
    Source.OKX: ("okx_inst", "USDT"),
    Source.BYBIT: ("bybit_symbol", "USDT"),
    Source.COINGECKO: ("coingecko_id", "USD"),
}


def read_seed() -> Iterator[Instrument]:
    """Read the instruments of the seed."""
    with (resources.files("instruments") / "assets.csv").open(encoding="utf-8") as file:
        for asset in csv.DictReader(file):
            for source, (column, quote) in COLUMNS.items():
                if source_symbol := asset[column]:
                    symbol = Symbol(asset["symbol"], quote)
                    yield identified(Instrument(source, symbol, source_symbol, asset["name"]))
