"""The lag of the event loop is measured."""

import asyncio
import time

from gateway.loop_lag import INTERVAL_S, PERIOD_S, LoopLag

HELD_S = 10 * INTERVAL_S


def test_the_longest_lag_is_kept_for_up_to_two_periods() -> None:
    """So that a scrape every half minute sees each of them."""
    lag = LoopLag()
    lag.record(0.4, 1.0)
    lag.record(0.1, PERIOD_S - 1)
    assert lag.longest_s == 0.4
    lag.record(0.2, PERIOD_S + 1)
    assert lag.longest_s == 0.4
    lag.record(0.0, 2 * PERIOD_S + 2)
    assert lag.longest_s == 0.2
    lag.record(0.0, 3 * PERIOD_S + 3)
    assert lag.longest_s == 0.0


async def test_a_turn_that_takes_long_is_seen() -> None:
    """Measured up to one interval too short."""
    lag = LoopLag()
    measuring = asyncio.create_task(lag.run())
    await asyncio.sleep(2 * INTERVAL_S)
    began = time.monotonic()
    while time.monotonic() - began < HELD_S:
        pass
    await asyncio.sleep(2 * INTERVAL_S)
    measuring.cancel()
    assert lag.longest_s >= HELD_S - 2 * INTERVAL_S
