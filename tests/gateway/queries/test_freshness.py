"""The policy on age."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.queries.freshness import Freshness, classify, expires_at
from gateway.queries.rate import Rate
from gateway.schema.rates import RateType
from gateway.schema.scalars import format_time
from gateway.settings import GatewaySettings
from rates.age import age_at, format_age_ms, within
from rates.source import Source
from tests.gateway.fakes import build_ticker

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
TTL = timedelta(seconds=10)
TICK = timedelta(microseconds=1)


@pytest.mark.parametrize(
    ("age", "expected"),
    [
        (timedelta(0), Freshness.FRESH),
        (TTL, Freshness.FRESH),
        (TTL + TICK, Freshness.STALE),
        (10 * TTL, Freshness.STALE),
        (10 * TTL + TICK, Freshness.EXPIRED),
    ],
)
def test_a_value_is_fresh_up_to_and_including_its_ttl_and_expires_past_ten_times_it(
    age: timedelta, expected: Freshness
) -> None:
    """Both limits belong to the better side."""
    assert classify(age, TTL) is expected


def test_age_is_never_negative() -> None:
    """A source whose clock is ahead of ours has published just now."""
    assert age_at(NOW, NOW + timedelta(seconds=3)) == timedelta(0)


def test_exactly_max_age_meets_the_demand() -> None:
    """One microsecond more does not."""
    assert within(TTL, TTL)
    assert not within(TTL + TICK, TTL)


def test_a_value_is_fresh_at_the_moment_it_expires() -> None:
    """`expiresAt` is the last fresh moment, so that a client can judge by itself."""
    moment = expires_at(NOW, TTL)
    assert classify(age_at(moment, NOW), TTL) is Freshness.FRESH
    assert classify(age_at(moment + TICK, NOW), TTL) is Freshness.STALE


def test_age_in_milliseconds_passes_the_limit_exactly_when_the_value_does() -> None:
    """Rounded up, so that `ageMs <= ttlMs` says the same as FRESH."""
    assert format_age_ms(TTL) == 10_000
    assert format_age_ms(TTL + TICK) == 10_001
    assert format_age_ms(timedelta(0)) == 0


@pytest.mark.slow
@given(
    st.floats(0.001, 86_400),
    st.floats(-10, 12),
    st.sampled_from([0, 1, 10]),
    st.sampled_from([-1, 0, 1]),
    st.integers(0, 999_999),
)
def test_a_client_judges_what_it_holds_as_we_would(
    ttl_s: float, ttls: float, limit: int, ticks: int, us: int
) -> None:
    """At any later time, even a microsecond from the limits, with the data of the wire."""
    ttl = GatewaySettings(ttl_s={Source.BINANCE: ttl_s}).ttl[Source.BINANCE]
    observed_at = NOW + timedelta(microseconds=us)
    ticker = build_ticker(observed_at=observed_at)
    told = RateType.of(Rate(ticker, ttl, observed_at))
    later = observed_at + ttl * (limit or ttls) + ticks * TICK
    assert (
        _client_judges(format_time(told.observed_at), told.ttl_ms, format_time(told.expires_at), later)
        == Rate(ticker, ttl, later).freshness
    )
    assert (Rate(ticker, ttl, later).age_ms <= told.ttl_ms) == (Rate(ticker, ttl, later).freshness == "FRESH")


def _client_judges(observed_at: str, ttl_ms: int, expires_at: str, now: datetime) -> str:
    """As docs/api/handle-staleness.md says."""
    if now <= datetime.fromisoformat(expires_at):
        return "FRESH"
    expired_after = datetime.fromisoformat(observed_at) + timedelta(milliseconds=10 * ttl_ms)
    return "EXPIRED" if now > expired_after else "STALE"
