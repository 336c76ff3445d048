"""One timer for many waits of equal length behaves like one timer for each."""

import asyncio
from math import inf

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.websocket.timeouts import EARLY_S, STEP, SharedTimeouts
from tests.lengths import at_length
from tests.virtual_time import NothingScheduledError, run_virtually

WAIT_S = 2.0
NAMES = "abcd"
# Start or cancel, the waiter, and the pause until the next step.
Steps = list[tuple[bool, str, float]]
steps = st.lists(
    st.tuples(st.booleans(), st.sampled_from(NAMES), st.sampled_from([0.0, 0.013, 0.5, 1.0, 1.999, 3.0])),
    max_size=40,
)


@pytest.mark.slow
@settings(max_examples=at_length(200), deadline=None)
@given(steps)
def test_each_wait_that_is_not_cancelled_times_out_once(steps: Steps) -> None:
    """Never early, and late by at most one step."""

    async def main() -> None:
        loop = asyncio.get_running_loop()
        started: dict[str, float] = {}
        fired: list[str] = []

        def on_timeout(name: str) -> None:
            waited_s = loop.time() - started.pop(name)
            assert WAIT_S - EARLY_S <= waited_s <= WAIT_S * (1 + STEP) + EARLY_S
            assert name not in timeouts
            fired.append(name)

        timeouts = SharedTimeouts(WAIT_S, on_timeout)
        for starts, name, pause_s in steps:
            if starts:
                timeouts.start(name)
                started[name] = loop.time()
            else:
                assert timeouts.cancel(name) == (started.pop(name, None) is not None)
            assert len(timeouts) == len(started)
            await asyncio.sleep(pause_s)
        await asyncio.sleep(2 * WAIT_S)
        assert not started
        assert not len(timeouts)

    run_virtually(main())


def test_no_timer_is_left_without_waiters() -> None:
    """The virtual loop raises when nothing is scheduled."""

    async def main() -> None:
        timeouts: SharedTimeouts[str] = SharedTimeouts(WAIT_S, lambda _: None)
        timeouts.start("a")
        timeouts.cancel("a")
        never: SharedTimeouts[str] = SharedTimeouts(inf, lambda _: None)
        never.start("a")
        assert not len(never)
        await asyncio.get_running_loop().create_future()

    with pytest.raises(NothingScheduledError):
        run_virtually(main())


def test_a_callback_that_fails_does_not_affect_the_others() -> None:
    """The loop's exception handler gets the error; the others time out."""

    async def main() -> None:
        failures: list[BaseException] = []
        fired: list[str] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, seen: failures.append(seen["exception"]))

        def on_timeout(name: str) -> None:
            if name == "b":
                raise ValueError(name)
            fired.append(name)

        timeouts = SharedTimeouts(WAIT_S, on_timeout)
        for name in NAMES:
            timeouts.start(name)
        await asyncio.sleep(2 * WAIT_S)
        assert fired == ["a", "c", "d"]
        assert [str(each) for each in failures] == ["b"]

    run_virtually(main())


def test_a_callback_may_cancel_and_start_waits() -> None:
    """One that is due in the same step and is cancelled does not time out."""

    async def main() -> None:
        fired: list[tuple[str, float]] = []

        def on_timeout(name: str) -> None:
            fired.append((name, round(asyncio.get_running_loop().time(), 1)))
            if name == "a":
                timeouts.cancel("b")
                timeouts.start("a")
                timeouts.start("c")

        timeouts = SharedTimeouts(WAIT_S, on_timeout)
        for name in "abc":
            timeouts.start(name)
        await asyncio.sleep(2.5 * WAIT_S)
        assert fired == [("a", 2.0), ("a", 4.0)]

    run_virtually(main())
