"""Bybit's listing, from a documented example and from the simulator."""

import json

import pytest

from instruments.listed import ListedInstrument, TradingStatus
from pipeline.sources.bybit.listing import parse_listing
from rates.errors import SourceProtocolError, SourceUnavailable
from rates.source import Source
from tests.pipeline.simulated import check_listing

BITCOIN = {
    "symbol": "BTCUSDT",
    "baseCoin": "BTC",
    "quoteCoin": "USDT",
    "innovation": "0",
    "status": "Trading",
}


def listing(*entries: dict[str, str]) -> bytes:
    result = {"category": "spot", "list": entries}
    return json.dumps({"retCode": 0, "retMsg": "OK", "result": result, "time": 1672712468011}).encode()


def test_a_symbol_is_split_as_bybit_splits_it() -> None:
    """Never by its letters."""
    assert parse_listing(listing(BITCOIN)).instruments == [
        ListedInstrument("BTCUSDT", "BTC", "USDT", "BTC", TradingStatus.TRADING, "Trading")
    ]


@pytest.mark.parametrize("word", ["PreLaunch", "Delivering", "Closed", "SomethingNew"])
def test_only_trading_symbols_are_trading(word: str) -> None:
    """An unknown status is a halt."""
    (one,) = parse_listing(listing({**BITCOIN, "status": word})).instruments
    assert (one.status, one.word) == (TradingStatus.HALTED, word)


def test_an_error_response_is_not_a_listing() -> None:
    """It has HTTP status 200."""
    with pytest.raises(SourceUnavailable, match="10016 Internal server error"):
        parse_listing(b'{"retCode":10016,"retMsg":"Internal server error","result":{}}')


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"<html>", b"{}", listing({"symbol": "BTCUSDT"}), listing(BITCOIN)[:-9]]
)
def test_a_partly_unreadable_response_is_rejected(body: bytes) -> None:
    """A skipped entry would look like a delisted symbol."""
    with pytest.raises(SourceProtocolError):
        parse_listing(body)


@pytest.mark.servers
async def test_the_listing_is_fetched_over_rest() -> None:
    """From the simulator, which lists all instruments of the seed."""
    await check_listing(Source.BYBIT)
