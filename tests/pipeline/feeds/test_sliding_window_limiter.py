"""How often and where to connect."""

from datetime import timedelta

from pipeline.coordination.call_limits import CallLimits
from pipeline.coordination.memory_cooldown import MemoryCooldown
from pipeline.feeds.connect_throttle import ConnectThrottle
from pipeline.feeds.endpoint_selector import FAILURES_BEFORE_NEXT, EndpointSelector
from pipeline.feeds.sliding_window_limiter import SlidingWindowLimiter
from rates.clock import utc_now

MINUTE, SECOND = timedelta(minutes=1), timedelta(seconds=1)


def test_no_window_ever_sees_more_attempts_than_it_may() -> None:
    """Whoever tries as soon as it is allowed, for an hour, with a limit per second and one per minute."""
    limits = (CallLimits(3, SECOND), CallLimits(20, MINUTE))
    attempts, now, made = SlidingWindowLimiter(limits), 0.0, []
    while now < 3600:
        assert attempts.delay_s(now) == 0
        attempts.record(now)
        made.append(now)
        now += attempts.delay_s(now)
    for limit in limits:
        for first, beyond in zip(made, made[limit.calls :], strict=False):
            assert beyond - first >= limit.window.total_seconds() - 1e-6
    assert len(made) >= 20 * 60


def test_one_endpoint_is_tried_for_ever() -> None:
    """Where there is no other, rest or not."""
    endpoints = EndpointSelector(["a"], rest_s=60)
    for now in range(100):
        assert endpoints.choose(now) == "a"
        endpoints.record_failure("a", now)


def test_the_next_one_after_repeated_failures_and_the_first_again_later() -> None:
    """Its second chance is a single one."""
    endpoints = EndpointSelector(["a", "b"], rest_s=60)
    for _ in range(FAILURES_BEFORE_NEXT):
        assert endpoints.choose(0) == "a"
        endpoints.record_failure("a", 0)
    assert endpoints.choose(0) == "b"
    assert not endpoints.has_better("b", 59)
    assert endpoints.has_better("b", 60)
    endpoints.record_failure("a", 60)
    assert endpoints.choose(61) == "b"
    endpoints.record_success("a")
    assert endpoints.choose(61) == "a"


def test_when_all_rest_the_one_that_rested_longest_is_tried() -> None:
    """Nobody waits for ten minutes because everything is down."""
    endpoints = EndpointSelector(["a", "b"], rest_s=60)
    endpoints.record_failure("a", 0, is_final=True)
    endpoints.record_failure("b", 1, is_final=True)
    assert endpoints.choose(2) == "a"
    endpoints.record_failure("a", 2)
    assert endpoints.choose(3) == "b"


async def test_the_gate_waits_for_a_hold_and_scatters_what_waited() -> None:
    """Not earlier than the source said, and later by what the jitter says."""
    cooldown, began = MemoryCooldown(utc_now), utc_now()
    gate = ConnectThrottle(
        SlidingWindowLimiter([CallLimits(9, SECOND)]), cooldown, utc_now, jitter=lambda _low, high: high / 10
    )
    await gate.start_cooldown(timedelta(milliseconds=200))
    await gate.acquire()
    assert utc_now() - began >= timedelta(milliseconds=300)
