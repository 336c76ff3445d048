"""What Binance lists, from its own answers and from the simulator."""

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
    """`BTCTUSD` could be BTC/TUSD by its letters; the listing says what it is, and in which state."""
    assert parse_listing(listing(ENTRY)) == [
        ListedInstrument("BTCTUSD", "BTCT", "USD", "BTCT", TradingStatus.HALTED, "BREAK")
    ]


@pytest.mark.parametrize("word", ["END_OF_DAY", "HALT", "BREAK", "CANCEL_ONLY", "SOMETHING_NEW"])
def test_only_trading_pairs_make_prices(word: str) -> None:
    """A status that is not known is none that makes prices, and is told as it is."""
    (one,) = parse_listing(listing({**ENTRY, "status": word}))
    assert (one.status, one.word) == (TradingStatus.HALTED, word)


@pytest.mark.parametrize(
    "body",
    [b"{}", b"[]", b"<html>", listing(ENTRY)[:-9], listing({"symbol": "BTCUSDT", "status": "TRADING"})],
    ids=["no symbols", "a list", "HTML", "cut", "an entry without its assets"],
)
def test_an_answer_that_cannot_be_read_whole_is_refused(body: bytes) -> None:
    """An entry left out would look like a delisted pair."""
    with pytest.raises(SourceProtocolError):
        parse_listing(body)


def test_the_recorded_listing_of_2021_is_read_whole() -> None:
    """1695 pairs, 433 of them in BREAK, each joined from its assets or spelt otherwise by Binance."""
    recording = json.loads(
        gzip.decompress(recorded("binance_rest_exchangeInfo_20211012.json.gz").read_bytes())
    )
    found = parse_listing(json.dumps(recording["body"]).encode())
    assert Counter(one.word for one in found) == {"TRADING": 1262, "BREAK": 433}
    assert len({one.source_symbol for one in found}) == 1695


def test_the_recorded_listing_of_2025_is_read_whole() -> None:
    """The present form of the answer."""
    bodies = [
        one["body"]
        for one in read_exchanges("binance_rest_public_mock.jsonl.gz")
        if "exchangeInfo" in one["path"]
    ]
    assert [len(parse_listing(json.dumps(body).encode())) for body in bodies] == [25]


@pytest.mark.servers
async def test_the_listing_is_fetched_over_rest() -> None:
    """From the simulator, which answers as Binance does."""
    async with run_simulator(SimulatorSettings(http_port=0, ws_port=0)) as addresses:
        parts = binance(BinanceSettings(rest_url=addresses.binance_rest_url))
        assert parts.open_listing is not None
        async with parts.open_listing(source_context(simulated=True)) as fetcher:
            found = {one.source_symbol: one for one in await fetcher.fetch_listing()}
    assert found["BTCUSDT"] == ListedInstrument(
        "BTCUSDT", "BTC", "USDT", "BTC", TradingStatus.TRADING, "TRADING"
    )
