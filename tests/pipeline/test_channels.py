"""Each field has the age of its channel, in every source (cases S1, S2, S18, S22).

Dead channels, restarted sequences and old trades.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import NamedTuple

import pytest

from instruments.instrument import Instrument
from pipeline.feeds.channel_monitor import SILENT_AFTER_S
from pipeline.feeds.protocol import FeedProtocol
from pipeline.sources.binance.protocol import BinanceProtocol
from pipeline.sources.bybit.protocol import BybitProtocol
from pipeline.sources.coinbase.protocol import CoinbaseProtocol
from pipeline.sources.kraken.protocol import KrakenProtocol
from pipeline.sources.okx.protocol import OkxProtocol
from rates.source import Source
from rates.symbol import Symbol, parse_symbol
from rates.ticker import Ticker
from tests.json_types import JsonObject
from tests.pipeline.fakes import START

TEN_HOURS = timedelta(hours=10)
DEAD_AFTER_S = SILENT_AFTER_S + 3


class Feed:
    """One protocol with one symbol, and a clock that moves with the messages."""

    def __init__(self, protocol: FeedProtocol, source: Source, symbol: str, source_symbol: str) -> None:
        self.protocol, self.symbol = protocol, parse_symbol(symbol)
        self.second = 0.0
        self.sent: list[str] = []
        protocol.track([Instrument(source, self.symbol, source_symbol, self.symbol.base)])

    @property
    def now(self) -> datetime:
        return START + timedelta(seconds=self.second)

    def advance(self, seconds: float) -> None:
        """Let time pass, asking for control messages as a connection does."""
        for _ in range(round(seconds / 0.1)):
            self.second = round(self.second + 0.1, 1)
            message = self.protocol.next_message(self.second)
            if message is not None and "ping" not in message:
                self.sent.append(message)
                self.receive(*answers(json.loads(message)))

    def receive(self, *frames: object) -> list[Ticker]:
        """Return the tickers that the frames make."""
        events = [
            event for frame in frames for event in self.protocol.receive(json.dumps(frame).encode(), self.now)
        ]
        return [event for event in events if isinstance(event, Ticker)]

    def silent(self) -> dict[Symbol, str]:
        return dict(self.protocol.silent_channels())


def answers(request: JsonObject) -> Iterator[object]:
    """Accept a control message, as its source does."""
    if "id" in request:
        yield {"result": None, "id": request["id"]}
    elif "method" in request:
        for symbol in request["params"]["symbol"]:
            result = {"channel": request["params"]["channel"], "symbol": symbol}
            yield {"method": request["method"], "result": result, "success": True}
    elif "product_ids" in request:
        names = request["product_ids"] if request["type"] == "subscribe" else []
        channels = [{"name": channel, "product_ids": names} for channel in request["channels"]]
        yield {"type": "subscriptions", "channels": channels}
    elif "req_id" in request:
        yield {"success": True, "ret_msg": "", "req_id": request["req_id"], "op": request["op"]}
    else:
        for arg in request["args"]:
            yield {"event": request["op"], "arg": arg}


def ms(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)


def iso(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")


# --- Binance -----------------------------------------------------------------------------------------------------------------


def binance() -> Feed:
    return Feed(BinanceProtocol(simulated=False), Source.BINANCE, "BTC/USDT", "BTCUSDT")


def binance_book(bid: str, ask: str) -> object:
    data = {"u": 1, "s": "BTCUSDT", "b": bid, "B": "1", "a": ask, "A": "2"}
    return {"stream": "btcusdt@bookTicker", "data": data}


def binance_trade(feed: Feed, number: int, price: str = "210", *, at: datetime | None = None) -> object:
    event = {
        "e": "trade",
        "s": "BTCUSDT",
        "E": ms(at or feed.now),
        "T": ms(at or feed.now),
        "t": number,
        "p": price,
    }
    return {"stream": "btcusdt@trade", "data": event}


def binance_day(
    feed: Feed, number: int, bid: str = "209.5", ask: str = "210.5", price: str = "210"
) -> object:
    event = {
        "e": "24hrTicker",
        "s": "BTCUSDT",
        "E": ms(feed.now),
        "L": number,
        "c": price,
        "P": "1",
        "b": bid,
    }
    rest = {"B": "3", "a": ask, "A": "4", "o": "200", "h": "220", "l": "190", "v": "10", "q": "2100"}
    return {"stream": "btcusdt@ticker", "data": event | rest}


def test_quotes_of_a_dead_book_give_way_to_those_of_the_statistics() -> None:
    """S1: one book, then silence on that stream only, while the price moves from 110 to 210."""
    feed = binance()
    feed.advance(1)
    feed.receive(binance_book("109.5", "110.5"))
    number = 1
    for _ in range(50):
        feed.advance(1)
        number += 1
        made = feed.receive(binance_trade(feed, number), binance_day(feed, number))
        # At most the second in which the statistics may be older than the book.
        if feed.second > 3:
            assert [(one.bid, one.ask) for one in made] == [(Decimal("209.5"), Decimal("210.5"))] * len(made)
            assert all(feed.now - one.quoted_at <= timedelta(seconds=3) for one in made if one.quoted_at)
    assert feed.silent() == {feed.symbol: "bookTicker silent for 11 s"}
    methods = [(one["method"], one["params"]) for one in map(json.loads, feed.sent[1:])]
    assert methods[:2] == [("UNSUBSCRIBE", ["btcusdt@bookTicker"]), ("SUBSCRIBE", ["btcusdt@bookTicker"])]
    feed.receive(binance_book("209.6", "210.4"))
    assert feed.silent() == {}
    (again,) = feed.receive(binance_trade(feed, number + 1))
    assert (again.bid, again.bid_size, again.quoted_at) == (Decimal("209.6"), Decimal(1), feed.now)


def test_without_any_living_channel_of_quotes_there_are_none() -> None:
    """S1, both channels dead: book and statistics turn null in time, the price is fresh."""
    feed = binance()
    feed.advance(1)
    feed.receive(binance_book("109.5", "110.5"), binance_day(feed, 1, "109.5", "110.5"))
    feed.advance(3)
    (made,) = feed.receive(binance_trade(feed, 2))
    assert (made.bid, made.open_24h) == (Decimal("109.5"), Decimal(200))
    feed.advance(0.2)
    (made,) = feed.receive(binance_trade(feed, 3))
    assert (made.bid, made.open_24h, made.high_24h, made.volume_24h) == (Decimal("109.5"), None, None, None)
    feed.advance(7)
    (made,) = feed.receive(binance_trade(feed, 4))
    assert (made.price, made.bid, made.ask, made.bid_size, made.quoted_at) == (
        Decimal(210),
        None,
        None,
        None,
        None,
    )
    feed.advance(4)
    feed.receive(binance_trade(feed, 5))
    assert feed.silent()[feed.symbol].startswith("ticker silent")


def test_a_quiet_book_that_the_statistics_confirm_is_alive() -> None:
    """Nothing changes for minutes: the channel is pushed on change only."""
    feed = binance()
    feed.advance(1)
    feed.receive(binance_book("209.5", "210.5"))
    for number in range(200):
        feed.advance(1)
        feed.receive(binance_trade(feed, number), binance_day(feed, number))
    assert feed.silent() == {}


def test_a_dead_trade_channel_is_named_and_its_trade_gets_no_other_trades_time() -> None:
    """The statistics know of later trades, but not when they were."""
    feed = binance()
    feed.advance(1)
    (made,) = feed.receive(binance_trade(feed, 7))
    assert made.last_trade_at == feed.now
    traded_at = made.last_trade_at
    feed.advance(1)
    (made,) = feed.receive(binance_day(feed, 7))
    assert made.last_trade_at == traded_at
    for number in range(8, 22):
        feed.advance(1)
        (made,) = feed.receive(binance_day(feed, number))
        assert (made.last_trade_at, made.sequence) == (None, number)
    assert feed.silent()[feed.symbol].startswith("trade silent")


@pytest.mark.parametrize("channel", [binance_trade, binance_day])
def test_trade_ids_that_restart_freeze_nothing(channel: Callable[[Feed, int], object]) -> None:
    """S18: 26941144, then 624087 with later event times."""
    feed = binance()
    feed.advance(1)
    assert feed.receive(channel(feed, 26941144))
    for number in range(624087, 624090):
        feed.advance(0.1)
        (made,) = feed.receive(channel(feed, number))
        assert (made.sequence, made.observed_at) == (number, feed.now)


def test_a_channel_with_restarted_ids_does_not_wait_for_the_other() -> None:
    """S18: the statistics still count in old ids."""
    feed = binance()
    feed.advance(1)
    feed.receive(binance_trade(feed, 26941144), binance_day(feed, 26941144))
    for number in range(624087, 624187):
        feed.advance(0.1)
        if (number - 624087) % 10 == 0:
            feed.receive(binance_day(feed, 26941144))
            feed.advance(0.1)
        assert feed.receive(binance_trade(feed, number))


def test_a_trade_from_the_future_gives_no_later_ticker_its_time() -> None:
    """The clock was a minute ahead and was put right: `lastTradeAt` is not after `observedAt`."""
    feed = binance()
    feed.advance(1)
    feed.receive(binance_trade(feed, 7, at=feed.now + timedelta(minutes=1)))
    feed.advance(1)
    (made,) = feed.receive(binance_day(feed, 7))
    assert (made.observed_at, made.last_trade_at) == (feed.now, None)


# --- Bybit -------------------------------------------------------------------------------------------------------------------


def bybit() -> Feed:
    return Feed(BybitProtocol(simulated=False), Source.BYBIT, "BTC/USDT", "BTCUSDT")


def bybit_book(feed: Feed, bid: str, ask: str) -> object:
    data = {"s": "BTCUSDT", "b": [[bid, "1"]], "a": [[ask, "2"]], "u": 1, "seq": 1}
    return {"topic": "orderbook.1.BTCUSDT", "ts": ms(feed.now), "type": "snapshot", "data": data}


def bybit_ticker(feed: Feed, sequence: int, price: str = "210") -> object:
    data = {"symbol": "BTCUSDT", "lastPrice": price, "prevPrice24h": "200", "turnover24h": "2100"}
    return {"topic": "tickers.BTCUSDT", "ts": ms(feed.now), "type": "snapshot", "cs": sequence, "data": data}


def bybit_trade(feed: Feed, price: str, seq: int) -> object:
    trade = {"T": ms(feed.now), "s": "BTCUSDT", "S": "Buy", "v": "1", "p": price, "i": "x", "seq": seq}
    return {"topic": "publicTrade.BTCUSDT", "type": "snapshot", "ts": ms(feed.now), "data": [trade]}


def test_quotes_of_a_dead_order_book_become_null() -> None:
    """S2: the book, sent again every 3 s, stops; the tickers go on."""
    feed = bybit()
    feed.advance(1)
    feed.receive(bybit_book(feed, "109.5", "110.5"))
    for sequence in range(20):
        feed.advance(1)
        (made,) = feed.receive(bybit_ticker(feed, sequence))
        is_young = sequence < 9
        assert (made.bid is not None) is (made.quoted_at is not None) is is_young
        assert (made.bid_size is not None) is is_young
    assert feed.silent() == {feed.symbol: "orderbook.1 silent for 11 s"}
    feed.receive(bybit_book(feed, "209.5", "210.5"))
    assert feed.silent() == {}
    feed.advance(1)
    (made,) = feed.receive(bybit_ticker(feed, 30))
    assert (made.bid, made.ask_size) == (Decimal("209.5"), Decimal(2))


def test_a_dead_order_book_is_subscribed_again() -> None:
    """S2: that topic only."""
    feed = bybit()
    feed.advance(0.1)
    feed.receive(bybit_book(feed, "109.5", "110.5"))
    for sequence in range(14):
        feed.advance(1)
        feed.receive(bybit_ticker(feed, sequence))
    changes = [json.loads(one) for one in feed.sent[1:]]
    assert [(one["op"], one["args"]) for one in changes] == [
        ("unsubscribe", ["orderbook.1.BTCUSDT"]),
        ("subscribe", ["orderbook.1.BTCUSDT"]),
    ]


def test_an_order_book_that_is_sent_again_is_alive() -> None:
    """Every 3 s without a change."""
    feed = bybit()
    for sequence in range(60):
        feed.advance(1)
        if sequence % 3 == 0:
            feed.receive(bybit_book(feed, "209.5", "210.5"))
        made = feed.receive(bybit_ticker(feed, sequence))
        assert made[0].bid == Decimal("209.5")
    assert feed.silent() == {}


# --- Kraken, OKX, Bybit: tickers and trades ------------------------------------------------------------------------------------


def kraken(symbol: str = "BTC/USD") -> Feed:
    return Feed(KrakenProtocol(simulated=False), Source.KRAKEN, symbol, symbol)


def kraken_ticker(feed: Feed, price: str, bid: str, ask: str) -> object:
    quotes = {"bid": float(bid), "bid_qty": 1.0, "ask": float(ask), "ask_qty": 2.0, "last": float(price)}
    data = quotes | {"symbol": str(feed.symbol), "timestamp": iso(feed.now)}
    return {"channel": "ticker", "type": "update", "data": [data]}


def kraken_trade(feed: Feed, price: str, number: int, at: datetime | None = None) -> object:
    trade = {
        "symbol": str(feed.symbol),
        "price": float(price),
        "trade_id": number,
        "timestamp": iso(at or feed.now),
    }
    return {"channel": "trade", "type": "update", "data": [trade]}


def okx() -> Feed:
    return Feed(OkxProtocol(simulated=False), Source.OKX, "BTC/USDT", "BTC-USDT")


def okx_ticker(feed: Feed, price: str, bid: str, ask: str) -> object:
    data = {
        "instType": "SPOT",
        "instId": "BTC-USDT",
        "last": price,
        "bidPx": bid,
        "askPx": ask,
        "ts": str(ms(feed.now)),
    }
    return {"arg": {"channel": "tickers", "instId": "BTC-USDT"}, "data": [data]}


def okx_trade(feed: Feed, price: str, number: int, at: datetime | None = None) -> object:
    trade = {
        "instId": "BTC-USDT",
        "tradeId": str(number),
        "px": price,
        "sz": "1",
        "ts": str(ms(at or feed.now)),
    }
    return {"arg": {"channel": "trades", "instId": "BTC-USDT"}, "data": [trade]}


class Wire(NamedTuple):
    """A source whose tickers do not tell when the last trade was."""

    open: Callable[[], Feed]
    ticker: Callable[[Feed, str], object]
    trade: Callable[[Feed, str, int], object]
    ticker_channel: str
    trade_channel: str


WIRES = {
    "kraken": Wire(
        kraken,
        lambda feed, price: kraken_ticker(feed, price, "100", "101"),
        kraken_trade,
        "ticker",
        "trade",
    ),
    "okx": Wire(
        okx, lambda feed, price: okx_ticker(feed, price, "100", "101"), okx_trade, "tickers", "trades"
    ),
    "bybit": Wire(
        bybit,
        lambda feed, price: bybit_ticker(feed, round(feed.second * 10), price),
        bybit_trade,
        "tickers",
        "publicTrade",
    ),
}


@pytest.fixture(params=WIRES)
def wire(request: pytest.FixtureRequest) -> Wire:
    return WIRES[request.param]


def test_a_ticker_takes_the_time_of_its_trade_from_the_trade_channel(wire: Wire) -> None:
    """While the ticker repeats the price of that trade."""
    feed = wire.open()
    feed.advance(1)
    assert feed.receive(wire.trade(feed, "100.5", 5)) == []
    traded_at = feed.now
    feed.advance(1)
    (made,) = feed.receive(wire.ticker(feed, "100.5"))
    assert (made.last_trade_at, made.observed_at) == (traded_at, feed.now)
    # A later price is of a trade that was not told yet.
    feed.advance(1)
    (made,) = feed.receive(wire.ticker(feed, "100.6"))
    assert (made.price, made.last_trade_at) == (Decimal("100.6"), None)


def test_a_trade_in_the_same_instant_completes_its_ticker(wire: Wire) -> None:
    """The ticker comes first: the cache must take the one that knows its trade for the newer."""
    feed = wire.open()
    feed.advance(1)
    (incomplete,) = feed.receive(wire.ticker(feed, "100.5"))
    (made,) = feed.receive(wire.trade(feed, "100.5", 5))
    assert incomplete.last_trade_at is None
    assert (made.last_trade_at, made.observed_at) == (feed.now, incomplete.observed_at)
    assert made.is_newer_than(incomplete)
    assert feed.receive(wire.trade(feed, "100.5", 5)) == []


def test_a_trade_is_a_price_at_its_own_time(wire: Wire) -> None:
    """Later than the ticker, it is told at once, with the ticker's quotes and their time."""
    feed = wire.open()
    feed.advance(1)
    (before,) = feed.receive(wire.ticker(feed, "100.5"))
    feed.advance(0.5)
    (made,) = feed.receive(wire.trade(feed, "100.7", 6))
    assert (made.price, made.observed_at, made.last_trade_at) == (Decimal("100.7"), feed.now, feed.now)
    assert (made.bid, made.quoted_at) == (before.bid, before.quoted_at)
    assert made.is_newer_than(before)


def test_an_earlier_trade_does_not_turn_a_later_price_back(wire: Wire) -> None:
    """Trades in the wrong order, and one that its ticker has overtaken."""
    feed = wire.open()
    feed.advance(1)
    early, overtaken = wire.trade(feed, "100.1", 5), wire.trade(feed, "100.2", 6)
    feed.advance(0.2)
    late = wire.trade(feed, "100.3", 7)
    feed.receive(wire.ticker(feed, "100.3"))
    feed.receive(late)
    assert feed.receive(early, overtaken) == []
    feed.advance(0.1)
    (made,) = feed.receive(wire.ticker(feed, "100.3"))
    assert made.last_trade_at == feed.now - timedelta(seconds=0.1)


def test_restarted_trade_ids_are_followed(wire: Wire) -> None:
    """S18 in the other sources: the later event time wins."""
    feed = wire.open()
    feed.advance(1)
    feed.receive(wire.ticker(feed, "100"), wire.trade(feed, "100.1", 26941144))
    for number in range(624087, 624090):
        feed.advance(0.1)
        (made,) = feed.receive(wire.trade(feed, f"100.{number % 10}", number))
        assert made.last_trade_at == made.observed_at == feed.now


def test_a_trade_clock_that_was_ahead_holds_no_ticker_back(wire: Wire) -> None:
    """Ingest rejects a trade from the future; later tickers keep their own time and price."""
    feed = wire.open()
    feed.advance(1)
    feed.receive(wire.ticker(feed, "100.5"))
    feed.advance(60)
    from_the_future = wire.trade(feed, "100.9", 9)
    feed.second -= 59
    feed.receive(from_the_future)
    (made,) = feed.receive(wire.ticker(feed, "100.6"))
    assert (made.price, made.observed_at, made.last_trade_at) == (Decimal("100.6"), feed.now, None)
    (made,) = feed.receive(wire.trade(feed, "100.6", 10))
    assert made.last_trade_at == feed.now


def test_a_dead_trade_channel_is_named(wire: Wire) -> None:
    """The tickers show new prices; the last known trade is not theirs."""
    feed = wire.open()
    feed.advance(1)
    feed.receive(wire.trade(feed, "100", 1))
    for number in range(round(DEAD_AFTER_S)):
        feed.advance(1)
        (made,) = feed.receive(wire.ticker(feed, f"100.{number + 1}"))
        assert made.last_trade_at is None
    assert feed.silent()[feed.symbol].startswith(f"{wire.trade_channel} silent")
    # Even a price that comes back is not known to be that trade's.
    (made,) = feed.receive(wire.ticker(feed, "100"))
    assert made.last_trade_at is None


def test_a_dead_ticker_channel_is_named_and_its_fields_become_null(wire: Wire) -> None:
    """Trades go on; what the ticker told is left out after the TTL."""
    feed = wire.open()
    feed.advance(1)
    feed.receive(wire.ticker(feed, "100.5"))
    for number in range(31):
        feed.advance(1)
        # Outside of the last quotes, so that they must have moved.
        (made,) = feed.receive(wire.trade(feed, f"102.{number}", number))
        assert made.price == Decimal(f"102.{number}")
    assert (made.bid, made.quoted_at, made.open_24h, made.quote_volume_24h) == (None,) * 4
    assert feed.silent()[feed.symbol].startswith(f"{wire.ticker_channel} silent")


def test_trades_at_the_best_price_are_no_evidence_against_krakens_ticker() -> None:
    """It is pushed when the best prices change, not for each trade."""
    feed = kraken()
    feed.advance(1)
    feed.receive(kraken_ticker(feed, "100", "100", "101"))
    for number in range(25):
        feed.advance(1)
        feed.receive(kraken_trade(feed, "100" if number % 2 else "101", number))
    assert feed.silent() == {}


def test_the_trade_snapshot_tells_how_old_the_last_trade_is() -> None:
    """S22: WEN/USD on Kraken, traded 10 hours before at a price below the bid, quoted now."""
    feed = kraken("WEN/USD")
    feed.advance(1)
    traded_at = feed.now - TEN_HOURS
    earlier = [
        kraken_trade(feed, "0.0000043", 1, traded_at - TEN_HOURS),
        kraken_trade(feed, "0.0000044", 2, traded_at),
    ]
    snapshot = {"channel": "trade", "type": "snapshot", "data": [_only(one) for one in earlier]}
    (quoted,) = feed.receive(kraken_ticker(feed, "0.0000044", "0.000004631", "0.0000059"))
    (made,) = feed.receive(snapshot)
    assert (made.price, made.last_trade_at) == (Decimal("0.0000044"), traded_at)
    assert (made.bid, made.ask, made.quoted_at) == (Decimal("0.000004631"), Decimal("0.0000059"), feed.now)
    assert made.observed_at == quoted.observed_at
    assert made.is_newer_than(quoted)
    feed.advance(5)
    (made,) = feed.receive(kraken_ticker(feed, "0.0000044", "0.000004632", "0.0000059"))
    assert (made.last_trade_at, made.observed_at) == (traded_at, feed.now)


def _only(frame: object) -> object:
    assert isinstance(frame, dict)
    data: Sequence[object] = frame["data"]
    return data[0]


# --- Coinbase ----------------------------------------------------------------------------------------------------------------


def coinbase() -> Feed:
    return Feed(CoinbaseProtocol({}, simulated=False), Source.COINBASE, "BTC/USD", "BTC-USD")


def coinbase_match(feed: Feed, number: int, *, at: datetime | None = None) -> object:
    common = {
        "type": "ticker",
        "product_id": "BTC-USD",
        "price": "210",
        "sequence": number,
        "trade_id": number,
    }
    quotes = {
        "best_bid": "209",
        "best_bid_size": "1",
        "best_ask": "211",
        "best_ask_size": "2",
        "open_24h": "200",
    }
    return common | quotes | {"time": iso(at or feed.now)}


def coinbase_heartbeat(feed: Feed, number: int, sequence: int) -> object:
    common = {"type": "heartbeat", "product_id": "BTC-USD", "time": iso(feed.now)}
    return common | {"last_trade_id": number, "sequence": sequence}


def test_a_confirmed_match_keeps_the_time_of_its_trade() -> None:
    """S22 on Coinbase: the heartbeat renews the price, not the trade; old quotes are left out."""
    feed = coinbase()
    feed.advance(1)
    (made,) = feed.receive(coinbase_match(feed, 7))
    traded_at = feed.now
    assert (made.last_trade_at, made.quoted_at, made.change_percent_24h) == (traded_at, traded_at, Decimal(5))
    feed.advance(3)
    (made,) = feed.receive(coinbase_heartbeat(feed, 7, 7))
    assert (made.last_trade_at, made.quoted_at, made.bid_size) == (traded_at, feed.now, Decimal(1))
    feed.advance(3)
    (made,) = feed.receive(coinbase_heartbeat(feed, 7, 9))
    assert (made.observed_at, made.last_trade_at) == (feed.now, traded_at)
    assert (made.bid, made.bid_size, made.quoted_at) == (None,) * 3


def test_a_dead_ticker_channel_of_coinbase_is_named_by_its_heartbeats() -> None:
    """They tell of matches that the channel did not send; the product is subscribed again."""
    feed = coinbase()
    feed.advance(1)
    feed.receive(coinbase_match(feed, 7))
    for number in range(8, 22):
        feed.advance(1)
        assert feed.receive(coinbase_heartbeat(feed, number, number)) == []
    assert feed.silent() == {feed.symbol: "ticker silent for 11 s"}
    assert [json.loads(one)["type"] for one in feed.sent[-2:]] == ["unsubscribe", "subscribe"]


def test_a_dead_heartbeat_of_coinbase_is_named() -> None:
    """It is documented for each second."""
    feed = coinbase()
    feed.advance(1)
    feed.receive(coinbase_heartbeat(feed, 6, 6))
    for number in range(7, 22):
        feed.advance(1)
        feed.receive(coinbase_match(feed, number))
    assert feed.silent() == {feed.symbol: "heartbeat silent for 11 s"}


def test_restarted_trade_ids_of_coinbase_freeze_nothing() -> None:
    """S18: the later match counts, and a heartbeat can confirm it."""
    feed = coinbase()
    feed.advance(1)
    feed.receive(coinbase_match(feed, 26941144))
    feed.advance(1)
    (made,) = feed.receive(coinbase_match(feed, 624087))
    assert (made.sequence, made.last_trade_at) == (624087, feed.now)
    traded_at = feed.now
    feed.advance(1)
    (made,) = feed.receive(coinbase_heartbeat(feed, 624087, 624087))
    assert (made.observed_at, made.last_trade_at) == (feed.now, traded_at)
