"""WebSocket's own pings: after a rest, one for each answer; whoever does not answer is missed."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from gateway.websocket.keepalive import PING, Keepalive
from tests.gateway.virtual_time import run_virtually

INTERVAL_S, TIMEOUT_S = 30.0, 60.0


class End:
    """The other end answers after so many seconds, or never."""

    def __init__(self, keepalive: Keepalive, answers_after_s: float | None) -> None:
        self._keepalive = keepalive
        self._answers_after_s = answers_after_s
        self.pinged_at: list[float] = []
        self.missed_at: list[float] = []

    def ping(self, frame: bytes) -> None:
        assert frame == PING
        loop = asyncio.get_running_loop()
        self.pinged_at.append(round(loop.time()))
        if self._answers_after_s is not None:
            loop.call_later(self._answers_after_s, self._keepalive.note_pong, self)

    def keepalive_timeout(self) -> None:
        self.missed_at.append(round(asyncio.get_running_loop().time()))


def played(answers_after_s: float | None, scene: Callable[[Keepalive, End], Awaitable[object]]) -> End:
    async def main() -> End:
        keepalive = Keepalive(INTERVAL_S, TIMEOUT_S)
        end = End(keepalive, answers_after_s)
        keepalive.watch(end)
        await scene(keepalive, end)
        keepalive.forget(end)
        return end

    return run_virtually(main())


@pytest.mark.parametrize(("answers_after_s", "pings"), [(0.0, [30, 60, 90, 120, 150]), (20.0, [30, 80, 130])])
def test_it_rests_between_an_answer_and_the_next_ping(answers_after_s: float, pings: list[float]) -> None:
    end = played(answers_after_s, lambda *_: asyncio.sleep(170))
    assert (end.pinged_at, end.missed_at) == (pings, [])


@pytest.mark.parametrize("answers_after_s", [None, 70.0])
def test_whoever_does_not_answer_in_time_is_missed_once(answers_after_s: float | None) -> None:
    """An answer that comes too late changes nothing any more."""
    end = played(answers_after_s, lambda *_: asyncio.sleep(500))
    assert (end.pinged_at, end.missed_at) == ([30], [90])


def test_pongs_that_nobody_asked_for_put_nothing_off() -> None:
    async def scene(keepalive: Keepalive, end: End) -> None:
        for _ in range(9):
            keepalive.note_pong(end)
            await asyncio.sleep(3)
        await asyncio.sleep(100)

    end = played(None, scene)
    assert end.pinged_at == [30]
    assert len(end.missed_at) == 1


def test_whoever_has_left_is_neither_pinged_nor_missed() -> None:
    async def before(keepalive: Keepalive, end: End) -> None:
        await asyncio.sleep(10)
        keepalive.forget(end)
        await asyncio.sleep(300)

    async def between(keepalive: Keepalive, end: End) -> None:
        await asyncio.sleep(40)
        keepalive.forget(end)
        await asyncio.sleep(300)

    assert played(None, before).pinged_at == []
    assert played(None, between).missed_at == []
