"""Limits of connection attempts, and the choice of the endpoint."""

from datetime import timedelta

from pipeline.coordination.call_limits import CallLimits
from pipeline.coordination.memory_cooldown import MemoryCooldown
from pipeline.feeds.connect_throttle import ConnectThrottle
from pipeline.feeds.endpoint_selector import FAILURES_BEFORE_NEXT, EndpointSelector
from pipeline.feeds.sliding_window_limiter import SlidingWindowLimiter
from rates.clock import utc_now

MINUTE, SECOND = timedelta(minutes=1), timedelta(seconds=1)


def test_no_window_has_more_attempts_than_allowed() -> None:
    """Constant attempts for an hour, with a limit per second and one per minute."""
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


def test_a_single_endpoint_is_always_tried() -> None:
    """Whether it is to be skipped or not."""
    endpoints = EndpointSelector(["a"], rest_s=60)
    for now in range(100):
        assert endpoints.choose(now) == "a"
        endpoints.record_failure("a", now)


def test_the_next_endpoint_is_used_after_failures_and_the_first_again_later() -> None:
    """It then gets a single attempt."""
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


def test_if_all_are_skipped_the_one_skipped_longest_is_tried() -> None:
    """There is no wait of ten minutes because all are down."""
    endpoints = EndpointSelector(["a", "b"], rest_s=60)
    endpoints.record_failure("a", 0, is_final=True)
    endpoints.record_failure("b", 1, is_final=True)
    assert endpoints.choose(2) == "a"
    endpoints.record_failure("a", 2)
    assert endpoints.choose(3) == "b"


async def test_the_throttle_waits_for_a_cooldown_and_adds_jitter() -> None:
    """Not earlier than the source said, and later by the jitter."""
    cooldown, began = MemoryCooldown(utc_now), utc_now()
    throttle = ConnectThrottle(
        SlidingWindowLimiter([CallLimits(9, SECOND)]), cooldown, utc_now, jitter=lambda _low, high: high / 10
    )
    await throttle.start_cooldown(timedelta(milliseconds=200))
    await throttle.acquire()
    assert utc_now() - began >= timedelta(milliseconds=300)
