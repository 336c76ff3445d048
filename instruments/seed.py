"""The instruments that a new database starts with: every asset of `assets.csv` that a source lists."""

import csv
from collections.abc import Iterator
from importlib import resources

from instruments.instrument import Instrument
from rates.source import Source
from rates.symbol import Symbol

# Where the file has a source's spellings, and what they are quoted in.
COLUMNS = {
    Source.BINANCE: ("binance_usdt_pair", "USDT"),
    Source.COINBASE: ("coinbase_product", "USD"),
    Source.KRAKEN: ("kraken_ws_v2", "USD"),
    Source.OKX: ("okx_inst", "USDT"),
    Source.BYBIT: ("bybit_symbol", "USDT"),
    Source.COINGECKO: ("coingecko_id", "USD"),
}


def read_seed() -> Iterator[Instrument]:
    """Each asset from every source that lists it, in the quote that the source's column is about."""
    with (resources.files("instruments") / "assets.csv").open(encoding="utf-8") as file:
        for asset in csv.DictReader(file):
            for source, (column, quote) in COLUMNS.items():
                if source_symbol := asset[column]:
                    symbol = Symbol(asset["symbol"], quote)
                    yield Instrument(source, symbol, source_symbol, asset["name"])
