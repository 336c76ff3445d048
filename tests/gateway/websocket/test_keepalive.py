"""WebSocket pings: one per interval after the last pong; a client without a pong times out."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from gateway.websocket.keepalive import PING, Keepalive
from tests.virtual_time import run_virtually

INTERVAL_S, TIMEOUT_S = 30.0, 60.0


class Client:
    """A client that sends a pong after `answers_after_s` seconds, or never."""

    def __init__(self, keepalive: Keepalive, answers_after_s: float | None) -> None:
        self._keepalive = keepalive
        self._answers_after_s = answers_after_s
        self.pinged_at: list[float] = []
        self.timed_out_at: list[float] = []

    def ping(self, frame: bytes) -> None:
        assert frame == PING
        loop = asyncio.get_running_loop()
        self.pinged_at.append(round(loop.time()))
        if self._answers_after_s is not None:
            loop.call_later(self._answers_after_s, self._keepalive.on_pong, self)

    def on_pong_timeout(self) -> None:
        self.timed_out_at.append(round(asyncio.get_running_loop().time()))


def run(answers_after_s: float | None, scenario: Callable[[Keepalive, Client], Awaitable[object]]) -> Client:
    async def main() -> Client:
        keepalive = Keepalive(INTERVAL_S, TIMEOUT_S)
        client = Client(keepalive, answers_after_s)
        keepalive.start(client)
        await scenario(keepalive, client)
        keepalive.stop(client)
        return client

    return run_virtually(main())


@pytest.mark.parametrize(("answers_after_s", "pings"), [(0.0, [30, 60, 90, 120, 150]), (20.0, [30, 80, 130])])
def test_the_next_ping_is_sent_one_interval_after_a_pong(answers_after_s: float, pings: list[float]) -> None:
    client = run(answers_after_s, lambda *_: asyncio.sleep(170))
    assert (client.pinged_at, client.timed_out_at) == (pings, [])


@pytest.mark.parametrize("answers_after_s", [None, 70.0])
def test_a_client_without_a_pong_times_out_once(answers_after_s: float | None) -> None:
    """A late pong changes nothing."""
    client = run(answers_after_s, lambda *_: asyncio.sleep(500))
    assert (client.pinged_at, client.timed_out_at) == ([30], [90])


def test_unsolicited_pongs_do_not_delay_the_ping() -> None:
    async def scenario(keepalive: Keepalive, client: Client) -> None:
        for _ in range(9):
            keepalive.on_pong(client)
            await asyncio.sleep(3)
        await asyncio.sleep(100)

    client = run(None, scenario)
    assert client.pinged_at == [30]
    assert len(client.timed_out_at) == 1


def test_a_stopped_keepalive_neither_pings_nor_times_out() -> None:
    async def before(keepalive: Keepalive, client: Client) -> None:
        await asyncio.sleep(10)
        keepalive.stop(client)
        await asyncio.sleep(300)

    async def between(keepalive: Keepalive, client: Client) -> None:
        await asyncio.sleep(40)
        keepalive.stop(client)
        await asyncio.sleep(300)

    assert run(None, before).pinged_at == []
    assert run(None, between).timed_out_at == []
