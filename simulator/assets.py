"""The assets of the made-up market: who they are (`instruments/assets.csv`) and where they start (`start_prices.csv`)."""

import csv
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from importlib.resources import files

CODE_COLUMNS = {
    "coinbase": "coinbase_product",
    "kraken": "kraken_ws_v2",
    "okx": "okx_inst",
    "bybit": "bybit_symbol",
}


@dataclass(frozen=True, slots=True)
class SimulatedAsset:
    """One asset. Prices in USD; `tick_size` is the smallest step of its price.

    `binance_pair` is its USDT pair, `codes` the spelling at the other exchanges by source; where there is none, it is not
    listed.
    """

    symbol: str
    name: str
    coingecko_id: str
    binance_pair: str | None
    codes: Mapping[str, str]
    start_price: Decimal
    tick_size: Decimal
    trades_per_second: float
    supply: int
    pegged: bool


def _rows(package: str, name: str) -> Iterator[dict[str, str]]:
    with files(package).joinpath(name).open("r", encoding="utf-8") as file:
        yield from csv.DictReader(file)


@cache
def read_assets() -> tuple[SimulatedAsset, ...]:
    """All assets, in the order of the facts file (about the order of market capitalisation).

    Raises:
        KeyError: an asset has no start price (a mistake in the committed data).
    """
    starts = {row["symbol"]: row for row in _rows("simulator", "start_prices.csv")}
    return tuple(_asset(row, starts[row["symbol"]]) for row in _rows("instruments", "assets.csv"))


def _asset(facts: dict[str, str], start: dict[str, str]) -> SimulatedAsset:
    return SimulatedAsset(
        symbol=facts["symbol"],
        name=facts["name"],
        coingecko_id=facts["coingecko_id"],
        binance_pair=facts["binance_usdt_pair"] or None,
        codes={source: facts[column] for source, column in CODE_COLUMNS.items() if facts[column]},
        start_price=Decimal(start["price_usd"]),
        tick_size=Decimal(start["tick_size"]),
        trades_per_second=float(start["trades_per_second"]),
        supply=int(start["supply"]),
        pegged=start["pegged"] == "yes",
    )


@cache
def read_currencies() -> dict[str, Decimal | None]:
    """CoinGecko's quote currencies and what one is worth in USD (made-up constants); None = follows an asset."""
    rows = _rows("simulator", "currencies.csv")
    return {row["code"]: Decimal(row["usd_value"]) if row["usd_value"] else None for row in rows}
