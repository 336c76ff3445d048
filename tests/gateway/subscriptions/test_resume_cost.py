"""A resume costs the same for every cursor. Calls are counted: time depends on the machine."""

import base64
import sys
from decimal import Decimal
from functools import partial
from types import FrameType

import pytest

from cache.memory import MemoryCache
from gateway.gateway import Gateway
from gateway.queries.rates_query import RatesQuery
from gateway.state.position import MAX_CURSOR_LENGTH, Cursor, StreamPosition, format_cursor, parse_cursor
from gateway.subscriptions.cohort import Cohort, IdentityEncoder
from gateway.subscriptions.delivery_options import DeliveryOptions
from gateway.subscriptions.event import EventKind, RatesEvent
from rates.errors import InvalidCursor
from rates.source import Source
from rates.symbol import parse_symbol
from tests.gateway.fakes import ListedInstruments
from tests.gateway.fixture_types import BuildTicker, Running, Until

OPTIONS = DeliveryOptions(0.0, Decimal(0), 15.0)
SYMBOLS = [f"A{number}/USDT" for number in range(65)]
TWO = RatesQuery(symbols=tuple(map(parse_symbol, SYMBOLS[:2])))
WRITES = 2_000


class Received:
    """A subscriber that is always ready."""

    consuming_s = 0.0

    def __init__(self) -> None:
        self.cohort: Cohort[RatesEvent] | None = None
        self.events: list[RatesEvent] = []

    @property
    def client(self) -> object:
        return self

    def is_ready(self) -> bool:
        return True

    def notify_when_ready(self) -> None:
        """Do nothing: it is ready."""

    def deliver(self, payload: RatesEvent) -> None:
        self.events.append(payload)

    def fail(self, error: Exception) -> None:
        raise error


def count_calls(gateway: Gateway, query: RatesQuery, cursor: str | None) -> tuple[int, list[RatesEvent]]:
    """The calls of Python and C functions that subscribing takes, and the first events."""
    subscriber, calls = Received(), 0
    encoder: IdentityEncoder[RatesEvent] = IdentityEncoder()

    def profile(_frame: FrameType, event: str, _argument: object) -> None:
        nonlocal calls
        calls += event in {"call", "c_call"}

    sys.setprofile(profile)
    try:
        resuming = gateway.live_queries.subscribe(query, OPTIONS, encoder, subscriber, after=cursor)
    finally:
        sys.setprofile(None)
    assert resuming is None
    assert subscriber.cohort is not None
    subscriber.cohort.remove(subscriber)
    return calls, subscriber.events


def has_reached(gateway: Gateway, seq: int) -> bool:
    return all(at.seq == seq for at in gateway.mirror.positions.values())


async def fill(gateway: Gateway, cache: MemoryCache, ticker: BuildTicker, until: Until) -> None:
    """Write every instrument of every source; then two thousand writes, all instruments in turn."""
    for source in Source:
        await cache.write([ticker(symbol, source=source) for symbol in SYMBOLS])
    for number in range(1, WRITES + 1):
        symbols = [SYMBOLS[(5 * number + each) % len(SYMBOLS)] for each in range(5)]
        for source in Source:
            await cache.write([ticker(each, source=source, sequence=number) for each in symbols])
        if number % 50 == 0:
            await until(partial(has_reached, gateway, 1 + number))


def encode(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


@pytest.mark.slow
async def test_a_cursor_of_any_age_costs_the_same(
    running: Running, cache: MemoryCache, ticker: BuildTicker, until: Until
) -> None:
    """For two symbols and for all, from the last turn of writes to the first; forged ones too."""
    listed = ListedInstruments(*((source, symbol) for source in Source for symbol in SYMBOLS))
    async with running(cache, listed) as gateway:
        await fill(gateway, cache, ticker, until)
        positions, version = gateway.mirror.positions, gateway.catalog.version

        def cursor(back: int) -> str:
            moved = {source: StreamPosition(at.epoch, at.seq - back) for source, at in positions.items()}
            return format_cursor(Cursor(moved, version))

        for query, items in ((TWO, 12), (RatesQuery(), len(listed.instruments))):
            # Once before, as the text of the current cursor is kept.
            count_calls(gateway, query, cursor(1))
            baseline, _ = count_calls(gateway, query, None)
            costs = []
            for back in (13, 100, 1_900):
                calls, events = count_calls(gateway, query, cursor(back))
                assert [(each.recovered, len(each.items)) for each in events] == [(True, items)]
                costs.append(calls)
            # A few calls more or less, as timers fall into it; by age they would be thousands.
            assert max(costs) - min(costs) < 100
            assert max(costs) < 2 * baseline + 100
        everywhere = [f"{source}:{at.epoch}" for source, at in positions.items()]
        forged = {
            "sources that do not exist": ",".join(f"s{number}:e:1" for number in range(80)),
            "one source again and again": ",".join("binance:e:1" for _ in range(60)),
            "epochs that never were": ",".join(f"{source}:f:1" for source in Source),
            "empty epochs": ",".join(f"{source}::999" for source in Source),
            "a catalog that never was": ",".join([*(f"{each}:1" for each in everywhere), "@abcdef"]),
            "lineages that never were": ",".join(
                [*(f"{each}-{'a' * 64}:1" for each in everywhere), f"@{version}"]
            ),
        }
        for name, text in forged.items():
            assert len(encode(text)) <= MAX_CURSOR_LENGTH
            calls, events = count_calls(gateway, RatesQuery(), encode(text))
            if name.startswith("lineages"):
                assert [each.recovered for each in events] == [True]
            else:
                assert [each.kind for each in events] == [EventKind.GAP, EventKind.SNAPSHOT]
            assert calls < 2 * baseline + 1_000, name


async def test_a_cursor_that_is_never_reached_costs_nothing_while_it_waits(
    running: Running, cache: MemoryCache, ticker: BuildTicker, until: Until
) -> None:
    """Writes resume only those whose number they reach."""
    async with running(cache) as gateway:
        await cache.write([ticker()])
        await until(lambda: gateway.mirror.positions[Source.BINANCE].seq == 1)
        epoch = gateway.mirror.positions[Source.BINANCE].epoch
        ahead = Cursor({**gateway.mirror.positions, Source.BINANCE: StreamPosition(epoch, 10**15 - 1)}, "")
        resuming = gateway.live_queries.subscribe(
            RatesQuery(), OPTIONS, IdentityEncoder[RatesEvent](), Received(), after=format_cursor(ahead)
        )
        assert resuming is not None
        resuming.send(None)
        waiters = gateway.mirror.sources[Source.BINANCE].waiters
        assert len(waiters) == 1
        before = gateway.mirror.positions[Source.BINANCE].seq
        await cache.write([ticker(sequence=2)])
        await until(lambda: gateway.mirror.positions[Source.BINANCE].seq > before)
        assert len(waiters) == 1
        resuming.close()
        assert len(waiters) == 0


@pytest.mark.parametrize("seq", ["9" * 16, "9" * 400])
def test_a_number_beyond_any_stream_is_no_cursor(seq: str) -> None:
    """It is refused as text, before anything is computed with it."""
    with pytest.raises(InvalidCursor):
        parse_cursor(encode(f"binance:e:{seq}"))
