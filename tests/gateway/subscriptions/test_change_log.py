"""A suspended cohort reads from the log what it would have received."""

from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.subscriptions import registry as registry_module
from gateway.subscriptions.change_log import Suspension
from gateway.subscriptions.conflation import ConflationBuffer
from gateway.subscriptions.instrument_filter import InstrumentFilter
from gateway.subscriptions.registry import SubscriptionRegistry
from rates.source import Source
from rates.ticker import Ticker, TickerKey
from tests.gateway.fakes import build_ticker
from tests.gateway.harness import KEYS

FILTERS = [
    InstrumentFilter(None, frozenset(Source)),
    InstrumentFilter(None, frozenset([Source.BINANCE])),
    InstrumentFilter(frozenset([KEYS[0].symbol]), frozenset(Source)),
    InstrumentFilter(frozenset([KEYS[0].symbol, KEYS[3].symbol]), frozenset([Source.COINGECKO])),
]


class Everything(NamedTuple):
    """A catalog."""

    tracked: frozenset[TickerKey]


class Suspendable:
    """A buffer that is suspended at times, beside one that misses nothing."""

    def __init__(self, registry: SubscriptionRegistry, instruments: InstrumentFilter) -> None:
        self._registry, self._instruments = registry, instruments
        self.complete, self.buffer = ConflationBuffer(), ConflationBuffer()
        self._suspension: Suspension | None = None
        registry.add(instruments, self)

    def put(self, ticker: Ticker, key: TickerKey) -> None:
        self.buffer.put(ticker, key)

    def retract(self, key: TickerKey) -> None:
        self.buffer.retract(key)

    def suspend_for_now(self) -> None:
        """Suspend, unless it is."""
        if self._suspension is None:
            self._suspension = self._registry.suspend(self._instruments, self)

    def publish(self, ticker: Ticker | None, key: TickerKey) -> None:
        """Put into the buffer that misses nothing."""
        if self._instruments.matches(key):
            if ticker is None:
                self.complete.retract(key)
            else:
                self.complete.put(ticker, key)

    def compare(self, *, takes: bool) -> None:
        """Resume, and compare what is pending; take it if the client does."""
        if self._suspension is not None:
            suspension, self._suspension = self._suspension, None
            self.buffer.put_missed(self._registry.resume(self._instruments, self, suspension))
        buffer, complete = self.buffer, self.complete
        assert list(buffer.pending.items()) == list(complete.pending.items())
        # In which order an instrument comes that was removed twice, without a value in between, does not matter.
        assert set(buffer.retracted or ()) == set(complete.retracted or ())
        assert (buffer.conflated, buffer.has_pending) == (complete.conflated, complete.has_pending)
        if takes:
            assert buffer.take().tickers == complete.take().tickers


keys = st.sampled_from(KEYS)
steps = st.lists(
    st.tuples(st.just("publish"), keys)
    | st.tuples(st.just("publish"), keys)
    | st.tuples(st.just("retract"), keys)
    | st.tuples(st.sampled_from(["suspend", "take", "look"]), st.integers(0, len(FILTERS) - 1)),
    max_size=60,
)


@pytest.mark.slow
@pytest.mark.parametrize("max_puts", [10_000, 2], ids=["usual", "suspended by many puts"])
@given(steps=steps)
def test_a_suspended_buffer_gets_what_one_that_misses_nothing_gets(
    steps: list[tuple[str, TickerKey | int]], max_puts: int
) -> None:
    """The same values in the same order, merged from as many; removed instruments too."""
    registry = SubscriptionRegistry(Everything(frozenset(KEYS)))
    buffers = [Suspendable(registry, each) for each in FILTERS]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(registry_module, "MAX_PUTS", max_puts)
        for number, (kind, argument) in enumerate(steps):
            if isinstance(argument, TickerKey):
                ticker = None
                if kind == "publish":
                    ticker = build_ticker(str(argument.symbol), str(number + 1), source=argument.source)
                    registry.publish(ticker, argument)
                else:
                    registry.retract(argument)
                for buffer in buffers:
                    buffer.publish(ticker, argument)
            elif kind == "suspend":
                buffers[argument].suspend_for_now()
            else:
                buffers[argument].compare(takes=kind == "take")
        for buffer in buffers:
            buffer.compare(takes=True)
    assert registry.suspended == 0
