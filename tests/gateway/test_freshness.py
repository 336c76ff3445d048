"""The policy on age."""

from datetime import UTC, datetime, timedelta

import pytest

from gateway.freshness import Freshness, age_at, expires_at, format_age_ms, judge, meets

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
    assert judge(age, TTL) is expected


def test_age_is_never_negative() -> None:
    """A source whose clock is ahead of ours has published just now."""
    assert age_at(NOW, NOW + timedelta(seconds=3)) == timedelta(0)


def test_exactly_max_age_meets_the_demand() -> None:
    """One microsecond more does not."""
    assert meets(TTL, TTL)
    assert not meets(TTL + TICK, TTL)


def test_a_value_is_fresh_at_the_moment_it_expires() -> None:
    """`expiresAt` is the last fresh moment, so that a client can judge by itself."""
    moment = expires_at(NOW, TTL)
    assert judge(age_at(moment, NOW), TTL) is Freshness.FRESH
    assert judge(age_at(moment + TICK, NOW), TTL) is Freshness.STALE


def test_age_in_milliseconds_passes_the_limit_exactly_when_the_value_does() -> None:
    """Rounded up, so that `ageMs <= ttlMs` says the same as FRESH."""
    assert format_age_ms(TTL) == 10_000
    assert format_age_ms(TTL + TICK) == 10_001
    assert format_age_ms(timedelta(0)) == 0
