"""What Kraken lists, from a documented example and from the simulator."""

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


def test_a_pair_is_spelt_as_websocket_v2_does() -> None:
    """The listing's own spelling is older."""
    assert parse_listing(listing(XXBTZUSD=BITCOIN)) == [
        ListedInstrument("BTC/USD", "BTC", "USD", "BTC", TradingStatus.TRADING, "online")
    ]


def test_what_only_kraken_calls_so_is_called_as_everywhere() -> None:
    """By us; to Kraken it keeps Kraken's name."""
    old, new = ({**BITCOIN, "wsname": f"{name}/XBT"} for name in ("LUNA", "LUNA2"))
    found = parse_listing(listing(old=old, new=new))
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
def test_only_some_states_make_prices(word: str, status: TradingStatus) -> None:
    """A state that is not known is none that does."""
    (one,) = parse_listing(listing(pair={**BITCOIN, "status": word}))
    assert (one.status, one.word) == (status, word)


def test_pairs_that_websocket_v2_does_not_have_are_left_out() -> None:
    """Dark pools have no such name; another venue's book has one with a suffix."""
    dark = {name: value for name, value in BITCOIN.items() if name != "wsname"}
    assert parse_listing(listing(dark=dark, venue={**BITCOIN, "wsname": "XBT/USD:BTNL"})) == []


def test_an_answer_that_says_what_went_wrong_is_no_listing() -> None:
    """It comes with HTTP 200."""
    with pytest.raises(SourceUnavailable, match="EGeneral:Internal error"):
        parse_listing(b'{"error":["EGeneral:Internal error"]}')
    with pytest.raises(SourceUnavailable):
        parse_listing(b'{"error":[]}')


@pytest.mark.parametrize("body", [b"", b"[]", b"<html>", b'{"result":{}}', listing(XXBTZUSD=BITCOIN)[:-9]])
def test_an_answer_that_cannot_be_read_whole_is_refused(body: bytes) -> None:
    """An entry left out would look like a delisted pair."""
    with pytest.raises(SourceProtocolError):
        parse_listing(body)


@pytest.mark.servers
async def test_the_listing_is_fetched_over_rest() -> None:
    """From the simulator, which lists all that the seed has."""
    await check_listing(Source.KRAKEN)
