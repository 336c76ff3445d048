"""Assets of the generated market, from `instruments/assets.csv` and `start_prices.csv`."""

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
    """One asset of the generated market.

    Prices are in USD; `tick_size` is the smallest price step.

    `binance_pair` is its USDT pair on Binance; `codes` holds its code at the other exchanges, by source. A source without a code
    does not list the asset.
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
    """Read all assets in the order of the CSV file (roughly by market capitalisation).

    Raises:
        KeyError: an asset has no start price (an error in the committed data).
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
    """CoinGecko's quote currencies with their USD value (fixed constants).

    None if the value follows an asset's price.
    """
    rows = _rows("simulator", "currencies.csv")
    return {row["code"]: Decimal(row["usd_value"]) if row["usd_value"] else None for row in rows}
