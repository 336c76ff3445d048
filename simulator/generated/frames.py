"""Turns events of price walks into frames of Binance's subscribed streams."""

from collections.abc import Callable, Container, Iterable, Iterator

from simulator.generated import payloads
from simulator.generated.price_walk import PriceWalk
from simulator.markets import Frame
from simulator.wire_json import to_json

MINI_TICKERS = "!miniTicker@arr"

_Payload = Callable[[PriceWalk], object]
_ON_TRADE: dict[str, _Payload] = {"trade": payloads.trade, "aggTrade": payloads.aggregate_trade}
_ON_BOOK: dict[str, _Payload] = {"bookTicker": payloads.book_ticker}


def trade_frames(walk: PriceWalk, wanted: Container[str]) -> Iterator[Frame]:
    """Frames of a trade: the trade, then the book that it changed."""
    yield from _frames(walk, _ON_TRADE, wanted)
    yield from book_frames(walk, wanted)


def book_frames(walk: PriceWalk, wanted: Container[str]) -> Iterator[Frame]:
    """Frames of a book change."""
    yield from _frames(walk, _ON_BOOK, wanted)


def second_frames(
    changed: Iterable[PriceWalk], traded: Iterable[PriceWalk], wanted: Container[str]
) -> Iterator[Frame]:
    """Frames of the once-a-second streams, for walks that changed or traded in the last second."""
    for walk in changed:
        yield from _frames(walk, {"ticker": payloads.ticker}, wanted)
    listed = [walk for walk in traded if walk.asset.binance_pair]
    for walk in listed:
        yield from _frames(walk, {"miniTicker": payloads.mini_ticker}, wanted)
    if listed and MINI_TICKERS in wanted:
        yield _frame(MINI_TICKERS, [payloads.mini_ticker(walk) for walk in listed])


def _frames(walk: PriceWalk, kinds: dict[str, _Payload], wanted: Container[str]) -> Iterator[Frame]:
    if walk.stream_prefix is None:
        return
    for kind, payload in kinds.items():
        stream = walk.stream_prefix + kind
        if stream in wanted:
            yield _frame(stream, payload(walk))


def _frame(stream: str, payload: object) -> Frame:
    data = to_json(payload)
    return Frame(stream, data, f'{{"stream":"{stream}","data":{data}}}')
