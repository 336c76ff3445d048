"""Waits of the one backoff that all retries share."""

from datetime import timedelta

from runtime.backoff import Backoff

FIRST, LONGEST = timedelta(seconds=1), timedelta(seconds=5)


def longest(_low: float, high: float) -> float:
    """The jitter that always draws the ceiling."""
    return high


def test_waits_double_up_to_the_longest_and_start_over_after_a_reset() -> None:
    """Without jitter: 1, 2, 4, 5, 5 s, then 1 s again."""
    backoff = Backoff(FIRST, LONGEST, jitter=longest)
    assert [backoff.next_wait().total_seconds() for _ in range(5)] == [1, 2, 4, 5, 5]
    backoff.reset()
    assert backoff.next_wait() == FIRST


def test_waits_stay_bounded_however_many_attempts_failed() -> None:
    """An outage of days does not overflow."""
    backoff = Backoff(FIRST, LONGEST, jitter=longest)
    assert {backoff.next_wait() for _ in range(10_000)} == {
        FIRST,
        timedelta(seconds=2),
        timedelta(seconds=4),
        LONGEST,
    }


def test_jitter_draws_from_zero_to_the_ceiling() -> None:
    """Full jitter: replicas that failed together do not retry together."""
    drawn: list[tuple[float, float]] = []

    def record(low: float, high: float) -> float:
        drawn.append((low, high))
        return low

    assert Backoff(FIRST, LONGEST, jitter=record).next_wait() == timedelta()
    assert drawn == [(0.0, 1.0)]
