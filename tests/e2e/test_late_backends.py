"""Gateways that start while Redis is away: nothing listens before they can answer."""

import socket
from contextlib import closing, suppress
from functools import partial
from pathlib import Path

import httpx
import pytest

from instruments.migrations import migrate
from runtime.free_port import free_port
from tests.backends import start_redis
from tests.e2e.processes import Command, eventually, running
from tests.lengths import combine

pytestmark = pytest.mark.servers

WITHIN_S = 60
QUERY = "{ instruments(first: 1) { totalCount } sources { source { code } } }"


async def listens(port: int) -> bool:
    with suppress(OSError), closing(socket.create_connection(("127.0.0.1", port), timeout=5)):
        return True
    return False


async def logs_waiting(command: Command) -> bool:
    return "gateway waiting" in command.text


@pytest.mark.parametrize(
    ("workers", "trouble"), combine({"1": 1, "2": 2}, {"gone": "gone", "frozen": "frozen"})
)
async def test_nothing_listens_before_redis_is_there(tmp_path: Path, workers: int, trouble: str) -> None:
    """The first connection that is accepted gets a complete answer."""
    with start_redis() as redis:
        port = free_port()
        env = {
            "RATEWIRE_REDIS_URL": redis.url,
            "RATEWIRE_DATABASE_URL": f"sqlite+aiosqlite:///{tmp_path}/instruments.db",
            "RATEWIRE_GATEWAY_PORT": str(port),
        }
        await migrate(env["RATEWIRE_DATABASE_URL"])
        if trouble == "gone":
            redis.stop()
        else:
            redis.freeze()
        async with running("gateway", "--workers", str(workers), env=env) as gateway:
            await eventually(partial(logs_waiting, gateway), within_s=WITHIN_S, what=gateway.text)
            assert not await listens(port)
            if trouble == "gone":
                redis.start()
            else:
                redis.thaw()
            await eventually(partial(listens, port), within_s=WITHIN_S, what="a listening gateway")
            async with httpx.AsyncClient(timeout=WITHIN_S, trust_env=False) as client:
                for _ in range(2 * workers):
                    answer = (
                        await client.post(f"http://127.0.0.1:{port}/graphql", json={"query": QUERY})
                    ).json()
                    assert answer["data"]["instruments"]["totalCount"] > 300
                    assert "errors" not in answer
