"""Seed of a new database: all assets of `assets.csv`, from each source that lists them."""

import csv
from collections.abc import Iterator, Mapping
from functools import cache
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
    for asset in _read_assets():
        for source, (column, quote) in COLUMNS.items():
            if source_symbol := asset[column]:
                symbol = Symbol(asset["symbol"], quote)
                yield identified(Instrument(source, symbol, source_symbol, asset["name"]))


@cache
def rank_assets() -> Mapping[str, int]:
    """Return the place of each asset in the seed, by its id: 0 for that of the largest market."""
    return {asset["coingecko_id"]: place for place, asset in enumerate(_read_assets())}


def _read_assets() -> Iterator[dict[str, str]]:
    with (resources.files("instruments") / "assets.csv").open(encoding="utf-8") as file:
        yield from csv.DictReader(file)
