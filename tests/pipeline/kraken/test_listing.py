"""Kraken's listing, from a documented example and from the simulator."""

import json

import pytest

from instruments.listed import ListedInstrument, TradingStatus
from pipeline.sources.kraken.listing import parse_listing
from rates.errors import SourceProtocolError, SourceUnavailable
from rates.source import Source
from tests.pipeline.simulated import check_listing

BITCOIN = {"altname": "XBTUSD", "wsname": "XBT/USD", "base": "XXBT", "quote": "ZUSD", "status": "online"}


def listing(**pairs: dict[str, str]) -> bytes:
    return json.dumps({"error": [], "result": pairs}).encode()


def test_pairs_have_the_spelling_of_websocket_v2() -> None:
    """The listing's own spelling is older."""
    assert parse_listing(listing(XXBTZUSD=BITCOIN)).instruments == [
        ListedInstrument("BTC/USD", "BTC", "USD", "BTC", TradingStatus.TRADING, "online")
    ]


def test_codes_of_kraken_alone_become_the_usual_ones() -> None:
    """The source symbol keeps Kraken's code."""
    old, new = ({**BITCOIN, "wsname": f"{name}/XBT"} for name in ("LUNA", "LUNA2"))
    found = parse_listing(listing(old=old, new=new)).instruments
    assert [(one.source_symbol, one.base, one.quote) for one in found] == [
        ("LUNA/BTC", "LUNC", "BTC"),
        ("LUNA2/BTC", "LUNA", "BTC"),
    ]


@pytest.mark.parametrize(
    ("word", "status"),
    [
        ("online", TradingStatus.TRADING),
        ("limit_only", TradingStatus.TRADING),
        ("cancel_only", TradingStatus.HALTED),
        ("post_only", TradingStatus.HALTED),
        ("reduce_only", TradingStatus.HALTED),
        ("something_new", TradingStatus.HALTED),
    ],
)
def test_only_some_states_are_trading(word: str, status: TradingStatus) -> None:
    """An unknown state is a halt."""
    (one,) = parse_listing(listing(pair={**BITCOIN, "status": word})).instruments
    assert (one.status, one.word) == (status, word)


def test_pairs_that_websocket_v2_does_not_have_are_left_out() -> None:
    """Dark pools have no such name, and another venue's book has one with a suffix."""
    dark = {name: value for name, value in BITCOIN.items() if name != "wsname"}
    assert parse_listing(listing(dark=dark, venue={**BITCOIN, "wsname": "XBT/USD:BTNL"})).instruments == []


def test_an_error_response_is_not_a_listing() -> None:
    """It has HTTP status 200."""
    with pytest.raises(SourceUnavailable, match="EGeneral:Internal error"):
        parse_listing(b'{"error":["EGeneral:Internal error"]}')
    with pytest.raises(SourceUnavailable):
        parse_listing(b'{"error":[]}')


@pytest.mark.parametrize("body", [b"", b"[]", b"<html>", b'{"result":{}}', listing(XXBTZUSD=BITCOIN)[:-9]])
def test_a_partly_unreadable_response_is_rejected(body: bytes) -> None:
    """A skipped entry would look like a delisted pair."""
    with pytest.raises(SourceProtocolError):
        parse_listing(body)


@pytest.mark.servers
async def test_the_listing_is_fetched_over_rest() -> None:
    """From the simulator, which lists all instruments of the seed."""
    await check_listing(Source.KRAKEN)
