"""The cost of a client that goes on although its budget is spent."""

from collections import Counter
from heapq import heapify, heapreplace

import pytest

from gateway.budgets.refusal_pace import LEAST_PAUSE_S, MOST_PAUSE_S, PER_S, RefusalPace

SECONDS = 60


def flood(connections: int) -> list[float]:
    """Return the times of the refusals of connections that ask again as soon as they may."""
    now_s, times = 0.0, list[float]()
    pace = RefusalPace(lambda: now_s)
    due = [number / connections for number in range(connections)]
    heapify(due)
    while due[0] < SECONDS:
        now_s = due[0]
        times.append(now_s)
        heapreplace(due, now_s + pace.take())
    return times


def test_a_client_that_waits_for_each_answer_hears_of_it_ten_times_a_second() -> None:
    """Its pauses are the shortest ones."""
    assert len(flood(1)) == pytest.approx(SECONDS / LEAST_PAUSE_S, rel=0.01)


@pytest.mark.parametrize("connections", [10, 50, 200, 400])
def test_more_connections_get_no_more_refusals(connections: int) -> None:
    """After the first one of each."""
    assert len(flood(connections)) <= connections + 1.1 * PER_S * SECONDS


@pytest.mark.slow
@pytest.mark.parametrize("connections", [1_000, 5_000])
def test_very_many_connections_share_the_slots_evenly(connections: int) -> None:
    """Each is refused once in half the longest pause, and never many at once."""
    times = flood(connections)
    later = Counter(int(each / 0.1) for each in times if each > MOST_PAUSE_S)
    mean = connections / (MOST_PAUSE_S / 2) * 0.1
    assert len(times) <= 1.3 * connections * SECONDS / (MOST_PAUSE_S / 2)
    assert max(later.values()) < 3 * mean


def test_a_client_that_has_stopped_is_forgiven() -> None:
    """Its next refusal comes at once, and its connection is read soon."""
    now_s = 0.0
    pace = RefusalPace(lambda: now_s)
    for _ in range(10_000):
        assert pace.take() <= MOST_PAUSE_S
    now_s = MOST_PAUSE_S
    assert not pace.is_behind
    assert pace.take() == LEAST_PAUSE_S
