"""A simulated market that logs the trades that Binance made, whoever received them."""

from collections.abc import Container, Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

import msgspec

from rates.clock import parse_ms
from simulator.assets import SimulatedAsset, read_assets
from simulator.generated.world import GeneratedWorld
from simulator.markets import Frame
from simulator.nanotime import SECOND

CHANNEL = "@trade"


class LoggedTrade(NamedTuple):
    """A trade as it was made.

    `lag_s`: how long after its time it was published, because the machine was busy.
    """

    number: int
    time: datetime
    price: Decimal
    quantity: Decimal
    lag_s: float = 0.0


class _Payload(msgspec.Struct):
    s: str
    t: int
    T: int
    p: Decimal
    q: Decimal


_decode = msgspec.json.Decoder(_Payload).decode


class _LoggedToo(Container[str]):
    """The streams that clients want, and all trades."""

    def __init__(self, wanted: Container[str]) -> None:
        self._wanted = wanted

    def __contains__(self, stream: object) -> bool:
        return isinstance(stream, str) and (stream.endswith(CHANNEL) or stream in self._wanted)


class TradeLoggingWorld(GeneratedWorld):
    """The generated market. `trades`: all of Binance so far, by its symbol, in their order."""

    def __init__(self, seed: int, start_ns: int, *, assets: Sequence[SimulatedAsset]) -> None:
        super().__init__(seed, start_ns, assets=assets)
        self.trades: dict[str, list[LoggedTrade]] = {}

    def advance(self, now_ns: int, wanted: Container[str]) -> Iterator[Frame]:
        """Apply all events up to `now_ns`, and log the trades among them."""
        for frame in super().advance(now_ns, _LoggedToo(wanted)):
            if frame.stream.endswith(CHANNEL):
                made = _decode(frame.data)
                trade = LoggedTrade(made.t, parse_ms(made.T), made.p, made.q, now_ns / SECOND - made.T / 1000)
                self.trades.setdefault(made.s, []).append(trade)
                if frame.stream not in wanted:
                    continue
            yield frame


def busy_assets(symbols: Sequence[str], trades_per_second: float) -> list[SimulatedAsset]:
    """Return all assets, of which some are traded so often."""
    return [
        replace(asset, trades_per_second=trades_per_second) if asset.symbol in symbols else asset
        for asset in read_assets()
    ]
