"""An unreadable entry of a listing costs itself only, and is named if possible."""

import json
from collections.abc import Callable, Sequence

import pytest

from instruments.listed import InstrumentListing
from pipeline.sources.binance import listing as binance
from pipeline.sources.bybit import listing as bybit
from pipeline.sources.coinbase import listing as coinbase
from pipeline.sources.coingecko import listing as coingecko
from pipeline.sources.kraken import listing as kraken
from pipeline.sources.okx import listing as okx
from rates.errors import SourceProtocolError

Entry = dict[str, object]
Parse = Callable[[bytes], InstrumentListing]

COUNT = 40


def in_pairs(entries: Sequence[Entry]) -> object:
    return {"error": [], "result": {str(number): each for number, each in enumerate(entries)}}


# How a source lists an instrument, the field with its source symbol, another field, and the response around the entries.
SOURCES: dict[str, tuple[Parse, Callable[[str], Entry], str, str, Callable[[Sequence[Entry]], object]]] = {
    "binance": (
        binance.parse_listing,
        lambda name: {"symbol": name, "status": "TRADING", "baseAsset": name, "quoteAsset": "USDT"},
        "symbol",
        "baseAsset",
        lambda entries: {"symbols": entries},
    ),
    "bybit": (
        bybit.parse_listing,
        lambda name: {"symbol": name, "status": "Trading", "baseCoin": name, "quoteCoin": "USDT"},
        "symbol",
        "status",
        lambda entries: {"retCode": 0, "result": {"list": entries}},
    ),
    "okx": (
        okx.parse_listing,
        lambda name: {"instId": name, "state": "live", "baseCcy": name, "quoteCcy": "USDT"},
        "instId",
        "quoteCcy",
        lambda entries: {"code": "0", "data": entries},
    ),
    "coinbase": (
        coinbase.parse_listing,
        lambda name: {"id": name, "base_currency": name, "quote_currency": "USD", "status": "online"},
        "id",
        "status",
        lambda entries: entries,
    ),
    "kraken": (
        kraken.parse_listing,
        lambda name: {"wsname": f"{name}/USD", "status": "online"},
        "wsname",
        "status",
        in_pairs,
    ),
    "coingecko": (
        coingecko.parse_listing,
        lambda name: {"id": name, "symbol": name, "name": name},
        "id",
        "name",
        lambda entries: entries,
    ),
}
ODD = [None, 7, ["x"], {"y": 1}, True]


def read(source: str, entries: Sequence[Entry]) -> InstrumentListing:
    parse, _, _, _, around = SOURCES[source]
    return parse(json.dumps(around(entries)).encode())


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("odd", ODD)
def test_an_odd_name_costs_its_entry_which_is_unnamed(source: str, odd: object) -> None:
    """It may be the entry of any instrument that is absent."""
    _, build, key, _, _ = SOURCES[source]
    listing = read(source, [*(build(f"A{number}") for number in range(COUNT)), {**build("B"), key: odd}])
    assert (len(listing.instruments), list(listing.skipped)) == (COUNT, [None])


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("odd", [7, ["x"], {"y": 1}])
def test_an_odd_field_costs_its_entry_which_is_named(source: str, odd: object) -> None:
    """As the feeds spell it: Kraken lists XBT and its feed says BTC."""
    _, build, _, field, _ = SOURCES[source]
    listing = read(source, [*(build(f"A{number}") for number in range(COUNT)), {**build("XBT"), field: odd}])
    assert (len(listing.instruments), len(listing.skipped)) == (COUNT, 1)
    assert listing.may_skip("BTC/USD" if source == "kraken" else "XBT")
    assert not listing.may_skip("XRP")
    assert listing.size == COUNT + 1


@pytest.mark.parametrize("source", SOURCES)
def test_a_listing_of_which_many_entries_are_unreadable_is_rejected(source: str) -> None:
    """That is a new format: up to a tenth are accidents."""
    _, build, key, _, _ = SOURCES[source]

    def mixed(odd: int) -> list[Entry]:
        good = [build(f"A{number}") for number in range(COUNT - odd)]
        return [*good, *({**build(f"B{number}"), key: 7} for number in range(odd))]

    assert len(read(source, mixed(4)).skipped) == 4
    with pytest.raises(SourceProtocolError, match="5 of 40 entries are unreadable"):
        read(source, mixed(5))
