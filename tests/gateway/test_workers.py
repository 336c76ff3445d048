"""Several workers on one port: real processes, ended in every way."""

import asyncio
import json
import os
import signal
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from functools import partial
from pathlib import Path

import pytest

from gateway.listening_socket import bind
from gateway.settings import GatewaySettings
from tests.e2e.processes import Command, eventually, running
from tests.gateway.gateway_processes import GatewayProcess, Writer, gateway_processes
from tests.gateway.raw_socket import raw_socket
from tests.json_types import Json

pytestmark = pytest.mark.servers

SYMBOLS = [f"W{number}/USDT" for number in range(50)]
BODY = json.dumps({"query": "{ rates { items { id price } } }"}).encode()
REQUEST = (
    b"POST /graphql HTTP/1.1\r\nHost: here\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b"
    % (len(BODY), BODY)
)
CLIENTS = 16
WITHIN_S = 120


def children(process: Command) -> set[int]:
    """The processes that this one has started and that live."""
    pid = process.process.pid
    found = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return {int(each) for each in found}


async def ask(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Json:
    """Return one response.

    Raises:
        OSError, IncompleteReadError: the connection was lost before it began.
    """
    writer.write(REQUEST)
    head = await reader.readuntil(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 ")
    length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
    return json.loads(await reader.readexactly(length))


class Clients:
    """Ask without a pause; whoever loses its connection takes another and asks again."""

    def __init__(self, port: int) -> None:
        self._port = port
        self.answered = 0
        self.lost = 0

    async def run(self) -> None:
        while True:
            # One that waited in the queue of a worker that died before it took it is no loss: it connects again.
            with suppress(ConnectionResetError):
                await self._ask_on(*await asyncio.open_connection("127.0.0.1", self._port))

    async def _ask_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        was_answered = False
        try:
            while True:
                answer = await ask(reader, writer)
                assert len(answer["data"]["rates"]["items"]) == len(SYMBOLS)
                self.answered += 1
                was_answered = True
        except (OSError, asyncio.IncompleteReadError):
            self.lost += was_answered
        finally:
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()


@asynccontextmanager
async def workers(redis_url: str, folder: Path, **settings: object) -> AsyncIterator[GatewayProcess]:
    """Two workers under one supervisor, with a rate for every symbol."""
    async with Writer(redis_url) as writer:
        await writer.forget()
        await writer.write(dict.fromkeys(SYMBOLS, 1))
        async with gateway_processes(1, redis_url, folder, SYMBOLS, workers=2, **settings) as (gateway,):
            await listening(gateway, 2)
            yield gateway


async def listening(gateway: GatewayProcess, count: int) -> None:
    """So many workers have said, since the start, that they listen."""

    async def check() -> bool:
        return gateway.command.text.count("gateway listening") >= count

    await eventually(check, within_s=WITHIN_S, what=f"{count} workers that listen:\n{gateway.command.text}")


async def gone(pids: set[int]) -> None:
    async def check() -> bool:
        return not any(map(is_alive, pids))

    await eventually(check, within_s=WITHIN_S, what=f"the end of {pids}")


def is_alive(pid: int) -> bool:
    with suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False


async def test_a_worker_that_is_killed_under_queries_is_replaced_and_no_answer_is_cut(
    redis_url: str, tmp_path: Path
) -> None:
    """Clients of the other worker notice nothing; the others reconnect and are answered."""
    async with workers(redis_url, tmp_path) as gateway:
        clients = Clients(int(gateway.http.rpartition(":")[2]))
        before = children(gateway.command)
        assert len(before) == 2
        async with asyncio.TaskGroup() as tasks:
            asking = [tasks.create_task(clients.run()) for _ in range(CLIENTS)]

            async def answered(more: int) -> None:
                goal = clients.answered + more

                async def check() -> bool:
                    return clients.answered >= goal

                await eventually(check, within_s=WITHIN_S, what=f"{more} more answers")

            await answered(200)
            os.kill(min(before), signal.SIGKILL)
            await answered(200)
            await listening(gateway, 3)
            await answered(200)
            for each in asking:
                each.cancel()
        after = children(gateway.command)
        assert len(after) == 2
        assert len(after - before) == 1
        assert clients.lost <= CLIENTS
        assert await gateway.command.stop() == 0
        await gone(before | after)


async def test_a_worker_that_hangs_is_replaced(redis_url: str, tmp_path: Path) -> None:
    """It is alive for the system, but not for anybody who asks."""
    async with workers(redis_url, tmp_path, worker_silence_s=3) as gateway:
        before = children(gateway.command)
        os.kill(min(before), signal.SIGSTOP)
        await listening(gateway, 3)
        assert min(before) not in children(gateway.command)
        assert "worker hangs" in gateway.command.text


async def test_workers_do_not_outlive_their_supervisor(redis_url: str, tmp_path: Path) -> None:
    """However it ends."""
    async with workers(redis_url, tmp_path) as gateway:
        pids = children(gateway.command)
        async with raw_socket(gateway.ws) as client:
            await client.answers()
            gateway.command.process.kill()
            await client.closed()
        await gone(pids)
        # Their output has the same reader.
        await gateway.command.ends()


async def test_a_port_that_is_in_use_is_said_once() -> None:
    """Not by every worker again and again."""
    listener = bind(GatewaySettings(port=0))
    port = listener.getsockname()[1]
    try:
        async with running("gateway", "--workers", "2", env={"RATEWIRE_GATEWAY_PORT": str(port)}) as command:
            assert await command.ends(within_s=WITHIN_S) == 2
            assert command.text.count("is in use") == 1
    finally:
        listener.close()


async def test_all_workers_drain_and_a_second_signal_ends_them(redis_url: str, tmp_path: Path) -> None:
    """The supervisor passes both signals on; the terminal's signal reaches workers only once."""
    async with (
        workers(redis_url, tmp_path, drain_s=3600) as gateway,
        AsyncExitStack() as stack,
    ):
        pids = children(gateway.command)
        # More than the kernel gives to one worker: each has two at least, one of which waits for its turn.
        opened = [await stack.enter_async_context(raw_socket(gateway.ws)) for _ in range(CLIENTS)]
        for pid in (gateway.command.process.pid, *pids):
            os.kill(pid, signal.SIGINT)
        await eventually(
            partial(_says, gateway.command, "gateway drains", 2), within_s=WITHIN_S, what="two that drain"
        )
        done, waiting = await asyncio.wait(
            [asyncio.create_task(each.closed()) for each in opened], return_when=asyncio.FIRST_COMPLETED
        )
        assert waiting
        assert {task.result()[0] for task in done} == {1001}
        gateway.command.process.send_signal(signal.SIGTERM)
        assert await gateway.command.ends(within_s=WITHIN_S) == 0
        assert {(await task)[0] for task in waiting} <= {1001, 1012}
        await gone(pids)


async def _says(command: Command, event: str, count: int) -> bool:
    return command.text.count(event) >= count
