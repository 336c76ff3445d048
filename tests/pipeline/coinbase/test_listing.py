"""Coinbase's listing, from a documented example and from the simulator."""

import json

import pytest

from instruments.listed import ListedInstrument, TradingStatus
from pipeline.sources.coinbase.listing import parse_listing
from rates.errors import SourceProtocolError
from rates.source import Source
from tests.pipeline.simulated import check_listing

PRODUCT = {
    "id": "BTC-USD",
    "base_currency": "BTC",
    "quote_currency": "USD",
    "quote_increment": "0.01",
    "status": "online",
    "status_message": "",
    "cancel_only": False,
    "post_only": False,
    "limit_only": False,
    "trading_disabled": False,
}


def test_a_product_is_split_as_coinbase_splits_it() -> None:
    """The listing has base and quote besides the id."""
    assert parse_listing(json.dumps([PRODUCT]).encode()).instruments == [
        ListedInstrument("BTC-USD", "BTC", "USD", "BTC", TradingStatus.TRADING, "online")
    ]


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"status": "delisted"}, "delisted"),
        ({"status": "offline", "trading_disabled": True}, "offline"),
        ({"trading_disabled": True}, "trading_disabled"),
        ({"cancel_only": True}, "cancel_only"),
        ({"post_only": True}, "post_only"),
    ],
)
def test_a_product_without_matches_is_halted_with_coinbases_word(
    change: dict[str, object], word: str
) -> None:
    """It may be online and have no matches all the same."""
    (one,) = parse_listing(json.dumps([PRODUCT | change]).encode()).instruments
    assert (one.status, one.word) == (TradingStatus.HALTED, word)


def test_a_limit_only_product_is_trading() -> None:
    """Limit orders match each other."""
    (one,) = parse_listing(json.dumps([PRODUCT | {"limit_only": True}]).encode()).instruments
    assert one.status is TradingStatus.TRADING


@pytest.mark.parametrize(
    "body", [b"", b"{}", b"<html>", b'[{"id":"BTC-USD"}]', json.dumps([PRODUCT])[:-9].encode()]
)
def test_a_partly_unreadable_response_is_rejected(body: bytes) -> None:
    """A skipped entry would look like a delisted product."""
    with pytest.raises(SourceProtocolError):
        parse_listing(body)


@pytest.mark.servers
async def test_the_listing_is_fetched_over_rest() -> None:
    """From the simulator, which lists all instruments of the seed."""
    await check_listing(Source.COINBASE)
