"""One timer for many who wait equally long: each is told as if it had one of its own."""

import asyncio
from math import inf

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.websocket.timeouts import EARLY_S, STEP, SharedTimeouts
from tests.gateway.virtual_time import NothingWillHappenError, run_virtually

WAIT_S = 2.0
NAMES = "abcd"
# Begin or end, for whom, and how long until the next such thing.
Acts = list[tuple[bool, str, float]]
acts = st.lists(
    st.tuples(st.booleans(), st.sampled_from(NAMES), st.sampled_from([0.0, 0.013, 0.5, 1.0, 1.999, 3.0])),
    max_size=40,
)


@settings(max_examples=200, deadline=None)
@given(acts)
def test_each_rings_once_for_every_wait_that_was_not_ended(script: Acts) -> None:
    """Not early, and late by no more than the step in which others ring too."""

    async def main() -> None:
        loop = asyncio.get_running_loop()
        began: dict[str, float] = {}
        rung: list[str] = []

        def ring(name: str) -> None:
            waited_s = loop.time() - began.pop(name)
            assert WAIT_S - EARLY_S <= waited_s <= WAIT_S * (1 + STEP) + EARLY_S
            assert name not in deadlines
            rung.append(name)

        deadlines = SharedTimeouts(WAIT_S, ring)
        for begins, name, pause_s in script:
            if begins:
                deadlines.begin(name)
                began[name] = loop.time()
            else:
                assert deadlines.end(name) == (began.pop(name, None) is not None)
            assert len(deadlines) == len(began)
            await asyncio.sleep(pause_s)
        await asyncio.sleep(2 * WAIT_S)
        assert not began
        assert not len(deadlines)

    run_virtually(main())


def test_nothing_is_left_behind_when_nobody_waits() -> None:
    """A loop with nothing to wait for says so."""

    async def main() -> None:
        deadlines: SharedTimeouts[str] = SharedTimeouts(WAIT_S, lambda _: None)
        deadlines.begin("a")
        deadlines.end("a")
        never: SharedTimeouts[str] = SharedTimeouts(inf, lambda _: None)
        never.begin("a")
        assert not len(never)
        await asyncio.get_running_loop().create_future()

    with pytest.raises(NothingWillHappenError):
        run_virtually(main())


def test_one_that_fails_takes_nobody_with_it() -> None:
    """The loop hears of it; the others ring, one of them in the same step."""

    async def main() -> None:
        failures: list[BaseException] = []
        rung: list[str] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, seen: failures.append(seen["exception"]))

        def ring(name: str) -> None:
            if name == "b":
                raise ValueError(name)
            rung.append(name)

        deadlines = SharedTimeouts(WAIT_S, ring)
        for name in NAMES:
            deadlines.begin(name)
        await asyncio.sleep(2 * WAIT_S)
        assert rung == ["a", "c", "d"]
        assert [str(each) for each in failures] == ["b"]

    run_virtually(main())


def test_whoever_rings_may_end_others_and_begin_anew() -> None:
    """One that was due in the same step and has been ended is not called."""

    async def main() -> None:
        rung: list[tuple[str, float]] = []

        def ring(name: str) -> None:
            rung.append((name, round(asyncio.get_running_loop().time(), 1)))
            if name == "a":
                deadlines.end("b")
                deadlines.begin("a")
                deadlines.begin("c")

        deadlines = SharedTimeouts(WAIT_S, ring)
        for name in "abc":
            deadlines.begin(name)
        await asyncio.sleep(2.5 * WAIT_S)
        assert rung == [("a", 2.0), ("a", 4.0)]

    run_virtually(main())
