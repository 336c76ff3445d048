"""OKX's listing, from a documented example and from the simulator."""

import json

import pytest

from instruments.listed import ListedInstrument, TradingStatus
from pipeline.sources.okx.listing import parse_listing
from rates.errors import SourceProtocolError, SourceUnavailable
from rates.source import Source
from tests.pipeline.simulated import check_listing

BITCOIN = {"instType": "SPOT", "instId": "BTC-USDT", "baseCcy": "BTC", "quoteCcy": "USDT", "state": "live"}


def listing(*entries: dict[str, str]) -> bytes:
    return json.dumps({"code": "0", "msg": "", "data": entries}).encode()


def test_an_instrument_is_split_as_okx_splits_it() -> None:
    """The listing has base and quote besides the id."""
    assert parse_listing(listing(BITCOIN)).instruments == [
        ListedInstrument("BTC-USDT", "BTC", "USDT", "BTC", TradingStatus.TRADING, "live")
    ]


@pytest.mark.parametrize("word", ["suspend", "preopen", "test", "something_new"])
def test_only_live_instruments_are_trading(word: str) -> None:
    """An unknown state is a halt."""
    (one,) = parse_listing(listing({**BITCOIN, "state": word})).instruments
    assert (one.status, one.word) == (TradingStatus.HALTED, word)


def test_an_error_response_is_not_a_listing() -> None:
    """It has HTTP status 200."""
    with pytest.raises(SourceUnavailable, match="50011 Too Many Requests"):
        parse_listing(b'{"code":"50011","msg":"Too Many Requests","data":[]}')


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"<html>", b"{}", listing({"instId": "BTC-USDT"}), listing(BITCOIN)[:-9]]
)
def test_a_partly_unreadable_response_is_rejected(body: bytes) -> None:
    """A skipped entry would look like a delisted instrument."""
    with pytest.raises(SourceProtocolError):
        parse_listing(body)


@pytest.mark.servers
async def test_the_listing_is_fetched_over_rest() -> None:
    """From the simulator, which lists all instruments of the seed."""
    await check_listing(Source.OKX)
