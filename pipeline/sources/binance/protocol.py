"""Binance's market streams as a `FeedProtocol`: one combined connection, three channels a symbol. Pure.

Event times come from `@trade` and `@ticker`; `@bookTicker` has none (docs/decisions/0007). No replay and no snapshot after
subscribing: what is quiet says nothing at first.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime

from instruments.instrument import Instrument
from pipeline.feeds.protocol import FeedEvent, GoingAway, SymbolRejected
from pipeline.sources.binance.messages import BinanceShutdown, StreamResponse, parse_stream_frame
from pipeline.sources.binance.subscriptions import Subscriptions
from pipeline.sources.binance.symbols import parse_stream_name, stream_names
from pipeline.sources.binance.ticker_merger import TickerMerger
from rates.symbol import Symbol


class BinanceProtocol:
    """Of one connection."""

    def __init__(self, *, simulated: bool) -> None:
        self._state = TickerMerger(simulated=simulated)
        self._subscriptions = Subscriptions()
        self._symbols: dict[str, Symbol] = {}

    def track(self, instruments: Sequence[Instrument]) -> None:
        self._symbols = {one.source_symbol: one.symbol for one in instruments}
        self._state.track(self._symbols)
        self._subscriptions.want(stream_names(self._symbols))

    def next_message(self, now: float) -> str | None:
        return self._subscriptions.next_message(now)

    def receive(self, frame: bytes, received_at: datetime) -> Sequence[FeedEvent]:
        event = parse_stream_frame(frame)
        match event:
            case None:
                return ()
            case StreamResponse():
                return self._refusals(event)
            case BinanceShutdown():
                return (GoingAway("the server announced its shutdown"),)
            case _:
                told = self._state.merge(event, received_at)
                return () if told is None else (told,)

    def resubscribe(self, symbols: Iterable[Symbol]) -> None:
        renewed = set(symbols)
        self._subscriptions.resubscribe(
            stream_names(spelling for spelling, symbol in self._symbols.items() if symbol in renewed)
        )

    def _refusals(self, answer: StreamResponse) -> list[FeedEvent]:
        names = dict.fromkeys(parse_stream_name(name) for name in self._subscriptions.settle(answer))
        symbols = {spelling.lower(): symbol for spelling, symbol in self._symbols.items()}
        return [SymbolRejected(symbols[name], answer.error or "") for name in names if name in symbols]
