"""Binance's listing, from its own responses and from the simulator."""

import gzip
import json
from collections import Counter
from collections.abc import Mapping

import pytest

from instruments.listed import ListedInstrument, TradingStatus
from pipeline.sources.binance.factory import binance
from pipeline.sources.binance.listing import parse_listing
from pipeline.sources.binance.settings import BinanceSettings
from rates.errors import SourceProtocolError
from simulator.server import run_simulator
from simulator.settings import SimulatorSettings
from tests.pipeline.fakes import source_context
from tests.pipeline.recordings import read_exchanges, recorded

ENTRY = {"symbol": "BTCTUSD", "status": "BREAK", "baseAsset": "BTCT", "quoteAsset": "USD", "permissions": []}


def listing(*entries: Mapping[str, object]) -> bytes:
    return json.dumps({"timezone": "UTC", "symbols": entries}).encode()


def test_a_pair_is_split_as_binance_splits_it() -> None:
    """The letters of `BTCTUSD` could be BTC/TUSD; the listing gives base, quote and status."""
    assert parse_listing(listing(ENTRY)).instruments == [
        ListedInstrument("BTCTUSD", "BTCT", "USD", "BTCT", TradingStatus.HALTED, "BREAK")
    ]


@pytest.mark.parametrize("word", ["END_OF_DAY", "HALT", "BREAK", "CANCEL_ONLY", "SOMETHING_NEW"])
def test_only_trading_pairs_are_trading(word: str) -> None:
    """An unknown status is a halt, and is reported as it is."""
    (one,) = parse_listing(listing({**ENTRY, "status": word})).instruments
    assert (one.status, one.word) == (TradingStatus.HALTED, word)


@pytest.mark.parametrize(
    "body",
    [b"{}", b"[]", b"<html>", listing(ENTRY)[:-9], listing({"symbol": "BTCUSDT", "status": "TRADING"})],
    ids=["no symbols", "a list", "HTML", "cut", "an entry without its assets"],
)
def test_a_partly_unreadable_response_is_rejected(body: bytes) -> None:
    """A skipped entry would look like a delisted pair."""
    with pytest.raises(SourceProtocolError):
        parse_listing(body)


@pytest.mark.slow
def test_the_recorded_listing_of_2021_is_read_whole() -> None:
    """1695 pairs, 433 of them in BREAK. Some are not spelt as their assets joined."""
    recording = json.loads(
        gzip.decompress(recorded("binance_rest_exchangeInfo_20211012.json.gz").read_bytes())
    )
    found = parse_listing(json.dumps(recording["body"]).encode()).instruments
    assert Counter(one.word for one in found) == {"TRADING": 1262, "BREAK": 433}
    assert len({one.source_symbol for one in found}) == 1695


def test_the_recorded_listing_of_2025_is_read_whole() -> None:
    """The present form of the response."""
    bodies = [
        one["body"]
        for one in read_exchanges("binance_rest_public_mock.jsonl.gz")
        if "exchangeInfo" in one["path"]
    ]
    assert [parse_listing(json.dumps(body).encode()).size for body in bodies] == [25]


@pytest.mark.servers
async def test_the_listing_is_fetched_over_rest() -> None:
    """From the simulator, which responds as Binance does."""
    async with run_simulator(SimulatorSettings(http_port=0, ws_port=0)) as addresses:
        adapter = binance(BinanceSettings(rest_url=addresses.binance_rest_url))
        assert adapter.open_listing is not None
        async with adapter.open_listing(source_context(simulated=True)) as fetcher:
            found = {one.source_symbol: one for one in (await fetcher.fetch_listing()).instruments}
    assert found["BTCUSDT"] == ListedInstrument(
        "BTCUSDT", "BTC", "USDT", "BTC", TradingStatus.TRADING, "TRADING"
    )
