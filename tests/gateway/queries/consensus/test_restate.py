"""Until `next_change_at`, a restated consensus equals one computed anew."""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.queries.consensus.query import ConsensusMethod, ConsensusQuery
from gateway.queries.consensus.rate import ConsensusRate
from gateway.queries.consensus.restate import restate
from gateway.queries.consensus.weighing import SourceRate, weigh
from gateway.queries.rate import Rate
from rates.source import Source
from rates.ticker import Ticker
from tests.gateway.fakes import MAX_DISTANCE, NOON, build_ticker
from tests.gateway.queries.consensus.source_rates import BTC_USDT, MadeUp
from tests.lengths import at_length

TTLS = [timedelta(seconds=10), timedelta(seconds=30), timedelta(seconds=180)]
ages = st.sampled_from([-2.0, 0.0, 3.0, 9.999, 10.0, 12.0, 99.0, 180.0, 1_900.0])
prices = st.sampled_from(["99", "100", "100.5", "101", "150"])


@st.composite
def tickers(draw: st.DrawFn, source: MadeUp) -> Ticker:
    """A ticker with quotes and a trade of any age, or without."""
    observed_at = NOON - timedelta(seconds=draw(ages))
    quoted_at = draw(st.none() | ages)
    traded_at = draw(st.none() | ages)
    return build_ticker(
        price=draw(prices),
        source=cast("Source", source),
        observed_at=observed_at,
        volume_24h=draw(st.none() | st.just(Decimal(5))),
        bid=None if quoted_at is None else Decimal(draw(prices)),
        ask=None if quoted_at is None else Decimal(draw(prices)) + 2,
        quoted_at=None if quoted_at is None else NOON - timedelta(seconds=quoted_at),
        last_trade_at=None if traded_at is None else NOON - timedelta(seconds=traded_at),
    )


limits = st.none() | st.sampled_from([0.0, 5.0, 60.0, 2_000.0]).map(lambda s: timedelta(seconds=s))
queries = st.builds(
    ConsensusQuery,
    st.just(BTC_USDT),
    method=st.sampled_from(ConsensusMethod),
    min_sources=st.integers(1, 3),
    max_age=limits,
    max_deviation_bps=st.just(Decimal(50)),
    sources=st.none(),
    max_trade_age=limits,
)


@pytest.mark.slow
@settings(max_examples=at_length(300), deadline=None)
@given(st.data(), queries, st.integers(0, 6), st.floats(0, 1))
def test_a_restated_consensus_equals_one_computed_anew(
    data: st.DataObject, query: ConsensusQuery, count: int, share: float
) -> None:
    """With every age in it, and in the messages, at any moment before the next change."""
    seen = [data.draw(tickers(MadeUp(f"S{number}"))) for number in range(count)]

    def compute(now: datetime) -> ConsensusRate:
        rates = [Rate(ticker, TTLS[number % len(TTLS)], now) for number, ticker in enumerate(seen)]
        source_rates = {rate.ticker.source: SourceRate(rate, is_confirmed=True) for rate in rates}
        return weigh(query, source_rates, now, max_distance=MAX_DISTANCE)

    first = compute(NOON)
    left = timedelta(days=1) if first.next_change_at is None else first.next_change_at - NOON
    assert left > timedelta(0)
    later = NOON + (left - timedelta(microseconds=1)) * share
    assert restate(first, later) == compute(later)
    assert compute(later).said == first.said
