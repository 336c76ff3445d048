"""Every trade of a trade channel is passed on as it is, for each source that has one."""

import asyncio
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from cache.memory import MemoryCache
from history.memory_log import MemoryBarLog
from history.ports import BarLog
from history.trade import Side, Trade
from instruments.instrument import Instrument
from pipeline.feeds.channel_monitor import SILENT_AFTER_S
from pipeline.feeds.protocol import FeedProtocol, SymbolTrades, TradeChannels
from pipeline.roles import stream
from pipeline.settings import IngestSettings, StreamSettings
from pipeline.sources.adapter import SourceAdapter
from pipeline.sources.binance.factory import binance as binance_adapter
from pipeline.sources.binance.protocol import BinanceProtocol
from pipeline.sources.binance.settings import BinanceSettings
from pipeline.sources.bybit.protocol import BybitProtocol
from pipeline.sources.coinbase.protocol import CoinbaseProtocol
from pipeline.sources.kraken.protocol import KrakenProtocol
from pipeline.sources.okx.protocol import OkxProtocol
from rates.clock import utc_now
from rates.errors import SourceProtocolError
from rates.source import Source
from rates.symbol import Symbol
from tests.pipeline.fakes import START, FakeReader, instrument, memory_context
from tests.pipeline.recordings import read_messages
from tests.pipeline.test_channels import (
    Feed,
    binance,
    binance_day,
    binance_trade,
    bybit,
    coinbase,
    kraken,
    okx,
)

BTC = Symbol("BTC", "USDT")
PATIENCE_S = 60


def traded(protocol: FeedProtocol, frame: object) -> list[Trade]:
    """Return the trades that a frame makes."""
    data = frame if isinstance(frame, bytes) else json.dumps(frame).encode()
    events = protocol.receive(data, START)
    return [trade for event in events if isinstance(event, SymbolTrades) for trade in event.trades]


def test_a_trade_of_binance() -> None:
    """The buyer was the maker, so that the taker sold. The time is the trade's, not the event's."""
    protocol = recorded(binance()).protocol
    data = {
        "e": "trade",
        "E": 1723161255343,
        "s": "BTCUSDT",
        "t": 7,
        "p": "61837.63000000",
        "q": "0.02000000",
    }
    frame = {"stream": "btcusdt@trade", "data": data | {"T": 1723161255342, "m": True, "M": True}}
    expected = Trade(7, Decimal("61837.63000000"), Decimal("0.02000000"), ms(1723161255342), Side.SELL)
    assert traded(protocol, frame) == [expected]
    # Recordings from before a field existed, and other symbols.
    assert (
        traded(protocol, {"stream": "btcusdt@trade", "data": {k: v for k, v in data.items() if k != "q"}})
        == []
    )
    assert traded(protocol, {"stream": "ethusdt@trade", "data": data | {"s": "ETHUSDT"}}) == []


def test_trades_of_kraken_keep_their_order_and_their_digits() -> None:
    """A snapshot holds the last fifty; numbers are JSON numbers."""
    frame = b"""{"channel":"trade","type":"snapshot","data":[
        {"symbol":"BTC/USD","side":"buy","price":105899.4,"qty":0.00400000,"ord_type":"limit","trade_id":1,
         "timestamp":"2026-03-01T12:00:00.123456Z"},
        {"symbol":"BTC/USD","side":"sell","price":105899.5,"qty":1e-8,"ord_type":"market","trade_id":2,
         "timestamp":"2026-03-01T12:00:00.123456Z"}]}"""
    at = datetime(2026, 3, 1, 12, 0, 0, 123456, UTC)
    protocol = KrakenProtocol(simulated=False)
    protocol.deliver_trades()
    protocol.track([Instrument(Source.KRAKEN, Symbol("BTC", "USD"), "BTC/USD", "BTC")])
    assert traded(protocol, frame) == [
        Trade(1, Decimal("105899.4"), Decimal("0.00400000"), at, Side.BUY),
        Trade(2, Decimal("105899.5"), Decimal("0.00000001"), at, Side.SELL),
    ]


def test_a_trade_of_okx_may_sum_up_several() -> None:
    """The id is that of the last one; older servers send no count."""
    protocol = OkxProtocol(simulated=False)
    protocol.deliver_trades()
    protocol.track([Instrument(Source.OKX, BTC, "BTC-USDT", "BTC")])
    entry = {"instId": "BTC-USDT", "tradeId": "130639474", "px": "42219.9", "sz": "0.12060306", "side": "buy"}
    frame = {"arg": {"channel": "trades", "instId": "BTC-USDT"}, "data": [entry | {"ts": "1630048897897"}]}
    price, quantity, at = Decimal("42219.9"), Decimal("0.12060306"), ms(1630048897897)
    assert traded(protocol, frame) == [Trade(130639474, price, quantity, at, Side.BUY)]
    frame["data"] = [entry | {"ts": "1630048897897", "count": "3"}]
    (summed,) = traded(protocol, frame)
    assert (summed.count, summed.first_id) == (3, 130639472)


def test_trades_of_bybit_have_ids_that_are_no_numbers() -> None:
    """All trades of a message, in its order."""
    protocol = BybitProtocol(simulated=False)
    protocol.deliver_trades()
    protocol.track([Instrument(Source.BYBIT, BTC, "BTCUSDT", "BTC")])
    entry = {"T": 1672304486865, "s": "BTCUSDT", "L": "PlusTick", "BT": False, "seq": 1783284617}
    data = [
        entry | {"i": "20f43950-d8dd-5b31-9112-a178eb6023af", "S": "Buy", "v": "0.001", "p": "16578.50"},
        entry | {"i": "4d4ad26c-901f-5146-adc0-1db29b6b9ab6", "S": "Sell", "v": "0.002", "p": "16578.00"},
    ]
    frame = {"topic": "publicTrade.BTCUSDT", "type": "snapshot", "ts": 1672304486868, "data": data}
    at = ms(1672304486865)
    assert traded(protocol, frame) == [
        Trade("20f43950-d8dd-5b31-9112-a178eb6023af", Decimal("16578.50"), Decimal("0.001"), at, Side.BUY),
        Trade("4d4ad26c-901f-5146-adc0-1db29b6b9ab6", Decimal("16578.00"), Decimal("0.002"), at, Side.SELL),
    ]


def test_matches_of_coinbase_are_all_passed_on() -> None:
    """The side is that of the maker; a product that is not tracked is skipped."""
    protocol = CoinbaseProtocol({}, simulated=False)
    protocol.deliver_trades()
    protocol.track([Instrument(Source.COINBASE, Symbol("BAND", "GBP"), "BAND-GBP", "BAND")])
    frame = b"""{"type":"match","trade_id":881613,"maker_order_id":"27fff20b-af29-4f45-8744-56dd1ef57dc0",
        "taker_order_id":"1da6ce16-c8da-4732-9f71-6049f4c6aaf8","side":"sell","size":"0.04","price":"14.7775",
        "product_id":"BAND-GBP","sequence":333938798,"time":"2021-04-17T16:43:30.244075Z"}"""
    at = datetime(2021, 4, 17, 16, 43, 30, 244075, UTC)
    expected = Trade(881613, Decimal("14.7775"), Decimal("0.04"), at, Side.BUY)
    assert (
        traded(protocol, frame) == traded(protocol, frame.replace(b'"match"', b'"last_match"')) == [expected]
    )
    assert traded(protocol, frame.replace(b"BAND-GBP", b"BAND-BTC")) == []


def test_recorded_matches_of_coinbase_are_numbered_without_a_hole() -> None:
    """Of each product, over thirty seconds of 2021, the last match before them included."""
    products = ("SKL-USD", "SKL-BTC", "BAND-GBP", "NMR-EUR", "BAND-BTC")
    protocol = CoinbaseProtocol({}, simulated=False)
    protocol.deliver_trades()
    symbols = {one: Symbol(*one.split("-")) for one in products}
    protocol.track([Instrument(Source.COINBASE, symbols[one], one, symbols[one].base) for one in products])
    numbers: dict[Symbol, list[int]] = {}
    for _, frame in read_messages("coinbase_ws_5products_20210417.txt.gz"):
        for event in protocol.receive(frame, START):
            if isinstance(event, SymbolTrades):
                numbers.setdefault(event.symbol, []).extend(int(one.id) for one in event.trades)
    assert sum(map(len, numbers.values())) == 85
    for found in numbers.values():
        assert found == list(range(found[0], found[0] + len(found)))


def test_a_heartbeat_that_knows_of_a_later_match_shows_a_dead_channel() -> None:
    """`matches` sent 7 and nothing since, while heartbeats count on."""
    feed = recorded(coinbase())
    feed.advance(1)
    match = {
        "type": "match",
        "trade_id": 7,
        "side": "buy",
        "size": "1",
        "price": "1",
        "time": "2026-01-01T12:00:01Z",
    }
    feed.receive(match | {"product_id": "BTC-USD", "sequence": 1})
    assert traded_symbols(feed) == {feed.symbol}
    for second in range(int(SILENT_AFTER_S) + 3):
        feed.advance(1)
        beat = {"type": "heartbeat", "sequence": 2 + second, "last_trade_id": 8, "product_id": "BTC-USD"}
        feed.receive(beat | {"time": feed.now.isoformat().replace("+00:00", "Z")})
        if not traded_symbols(feed):
            break
    else:
        raise AssertionError("still traded")
    assert "matches" in feed.silent()[feed.symbol]


def test_recorded_trades_of_okx_are_numbered_without_a_hole() -> None:
    """Of one instrument, over thirty seconds of 2022."""
    protocol = OkxProtocol(simulated=False)
    protocol.deliver_trades()
    protocol.track([Instrument(Source.OKX, Symbol("ZEN", "USDT"), "ZEN-USDT", "ZEN")])
    trades = [
        one
        for _, frame in read_messages("okx_ws_10instruments_20220227.txt.gz")
        for one in traded(protocol, frame)
    ]
    assert [one.id for one in trades] == list(range(15270483, 15270483 + len(trades)))
    assert len(trades) > 5


@pytest.mark.parametrize(
    ("open_feed", "frame"),
    [
        (
            binance,
            b'{"stream":"btcusdt@trade","data":{"e":"trade","s":"BTCUSDT","E":1,"t":1,"p":"1","q":"1"}}',
        ),
        (
            bybit,
            (
                b'{"topic":"publicTrade.BTCUSDT","type":"snapshot","ts":1,"data":'
                b'[{"T":1,"s":"BTCUSDT","i":"1","v":"1","p":"1"}]}'
            ),
        ),
        (
            coinbase,
            (
                b'{"type":"match","trade_id":1,"size":"1","price":"1","product_id":"BTC-USD",'
                b'"time":"2026-01-01T12:00:00Z"}'
            ),
        ),
        (
            kraken,
            (
                b'{"channel":"trade","type":"update","data":[{"symbol":"BTC/USD","price":1,"qty":1,"trade_id":1,'
                b'"timestamp":"2026-01-01T12:00:00Z"}]}'
            ),
        ),
        (
            okx,
            (
                b'{"arg":{"channel":"trades","instId":"BTC-USDT"},'
                b'"data":[{"instId":"BTC-USDT","tradeId":"1","px":"1","sz":"1","ts":"1"}]}'
            ),
        ),
    ],
)
def test_trades_that_nobody_takes_are_not_made(open_feed: Callable[[], Feed], frame: bytes) -> None:
    """Every protocol makes them of the same frame once it was asked to."""
    assert not any(isinstance(event, SymbolTrades) for event in open_feed().protocol.receive(frame, START))
    assert len(traded(recorded(open_feed()).protocol, frame)) == 1


@pytest.mark.parametrize("bars", [None, MemoryBarLog(utc_now)], ids=["without history", "with history"])
async def test_a_feed_asks_for_trades_only_to_record_them(bars: BarLog | None) -> None:
    """From the role's context down to the protocol of a connection."""
    opened: asyncio.Future[OpenedProtocol] = asyncio.get_running_loop().create_future()

    def open_protocol() -> OpenedProtocol:
        protocol = OpenedProtocol(simulated=True)
        if not opened.done():
            opened.set_result(protocol)
        return protocol

    described = binance_adapter(BinanceSettings(stream_urls=("ws://127.0.0.1:1",))).build_feed
    assert described is not None
    spec = replace(described(simulated=True), open_protocol=open_protocol)
    stop = asyncio.Event()
    task = asyncio.create_task(
        stream(
            stop,
            replace(memory_context(MemoryCache()), bars=bars),
            SourceAdapter(source=Source.BINANCE, build_feed=lambda *, simulated: spec),
            instance="one",
            instruments=FakeReader([instrument("BTC/USDT")]),
            settings=StreamSettings(),
            ingest=IngestSettings(),
        )
    )
    async with asyncio.timeout(PATIENCE_S):
        protocol = await opened
    stop.set()
    await task
    assert protocol.is_asked == (bars is not None)


def test_matches_of_coinbase_are_subscribed_only_where_every_trade_is_wanted() -> None:
    """`ticker` has all that a rate needs."""
    taken, untaken = recorded(coinbase()), coinbase()
    for feed in (taken, untaken):
        feed.advance(1)
    assert [json.loads(message)["channels"] for message in untaken.sent] == [["ticker", "heartbeat"]]
    assert [json.loads(message)["channels"] for message in taken.sent] == [["ticker", "heartbeat", "matches"]]


@pytest.mark.parametrize("open_feed", [binance, bybit, coinbase, kraken, okx])
def test_symbols_are_traded_once_their_trade_channel_is_confirmed(open_feed: Callable[[], Feed]) -> None:
    """Not before, and not while they are subscribed anew."""
    feed = recorded(open_feed())
    assert traded_symbols(feed) == set()
    feed.advance(3)
    assert traded_symbols(feed) == {feed.symbol}
    feed.protocol.resubscribe([feed.symbol])
    assert traded_symbols(feed) == set()
    feed.advance(3)
    assert traded_symbols(feed) == {feed.symbol}


def test_a_dead_trade_channel_is_not_traded() -> None:
    """`@ticker` names a trade that `@trade` never sent."""
    feed = recorded(binance())
    feed.advance(1)
    feed.receive(binance_trade(feed, 1))
    for _ in range(int(SILENT_AFTER_S) + 3):
        feed.advance(1)
        feed.receive(binance_day(feed, 2))
    assert traded_symbols(feed) == set()


def test_a_quantity_that_is_no_number_makes_the_message_unreadable() -> None:
    """It is counted; nothing is guessed."""
    protocol = BinanceProtocol(simulated=False)
    protocol.deliver_trades()
    protocol.track([Instrument(Source.BINANCE, BTC, "BTCUSDT", "BTC")])
    data = {
        "e": "trade",
        "E": 1723161255343,
        "s": "BTCUSDT",
        "t": 7,
        "p": "1",
        "q": "much",
        "T": 1723161255342,
    }
    with pytest.raises(SourceProtocolError):
        traded(protocol, {"stream": "btcusdt@trade", "data": data})


class OpenedProtocol(BinanceProtocol):
    """A protocol that knows whether it was asked for trades."""

    is_asked = False

    def deliver_trades(self) -> None:
        self.is_asked = True


def recorded(feed: Feed) -> Feed:
    """Have all trades of a feed delivered."""
    assert isinstance(feed.protocol, TradeChannels)
    feed.protocol.deliver_trades()
    return feed


def traded_symbols(feed: Feed) -> set[Symbol]:
    """Return the symbols whose trades a feed delivers."""
    assert isinstance(feed.protocol, TradeChannels)
    return set(feed.protocol.traded_symbols())


def ms(milliseconds: int) -> datetime:
    """Return a time in milliseconds since the epoch."""
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=milliseconds)
