"""Septem's side of one connection. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

import msgspec

from instruments.instrument import Instrument
from pipeline.feeds.protocol import FeedEvent
from rates.symbol import Symbol

from .messages import parse_tick
from .symbols import followed
from .tickers import to_ticker


class SeptemProtocol:
    """One connection's; the whole list is sent anew whenever it changes, and never answered."""

    def __init__(self, *, simulated: bool) -> None:
        self._simulated = simulated
        self._symbols: dict[str, Symbol] = {}
        self._sent: dict[str, Symbol] = {}

    def track(self, instruments: Sequence[Instrument]) -> None:
        self._symbols = {one.source_symbol: one.symbol for one in instruments}

    def next_message(self, now: float) -> str | None:
        if self._sent == self._symbols:
            return None
        self._sent = self._symbols
        return msgspec.json.encode(followed(self._symbols)).decode()

    def receive(self, frame: bytes, received_at: datetime) -> Sequence[FeedEvent]:
        raw = parse_tick(frame)
        symbol = self._symbols.get(raw.pair)
        if symbol is None:
            return ()
        return (to_ticker(raw, symbol, received_at=received_at, simulated=self._simulated),)

    def resubscribe(self, symbols: Iterable[Symbol]) -> None:
        self._sent = {}

    def silent_channels(self) -> Mapping[Symbol, str]:
        return {}
