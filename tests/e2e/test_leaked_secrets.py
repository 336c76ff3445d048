"""No key is in what processes show: logs, metrics, errors and the list of processes."""

import base64
import hashlib
import json
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import httpx
import pytest
import websockets
from websockets.asyncio.client import connect
from websockets.typing import Subprotocol

from access.key_text import generate_key, generate_key_id
from tests.e2e.processes import ROOT, running
from tests.e2e.programs import started
from tests.gateway.gateway_processes import GatewayProcess, gateway_processes

pytestmark = [
    pytest.mark.servers,
    pytest.mark.skipif(not Path("/proc/self/cmdline").exists(), reason="reads the arguments of processes"),
]

SYMBOL = "BTC/USDT"
WITHIN_S = 60
QUERY = "{ sources { source { code } } }"
LIVE = "subscription { sources { source { code } } }"
STREAMS = ("text/event-stream", "multipart/mixed")
SUBPROTOCOLS = ("graphql-transport-ws", "graphql-ws")


def secret_forms(text: str) -> set[str]:
    """Return what gives a key away: it, its secret, and its hash as it may be spelt."""
    digest = hashlib.sha256(text.encode()).digest()
    return {
        text,
        text.partition("_")[2].partition("_")[2][:32],
        digest.hex(),
        base64.b64encode(digest).decode(),
        base64.urlsafe_b64encode(digest).decode(),
        repr(digest)[2:-1],
    }


def list_arguments() -> Iterator[str]:
    """The arguments of all processes."""
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            yield file.read_bytes().replace(b"\0", b" ").decode(errors="replace")


async def request(gateway: GatewayProcess, key: str) -> AsyncIterator[str]:
    """Send a key over HTTP in all ways, also in those that do not count; yield what comes back."""
    url = f"{gateway.http}/graphql"
    async with httpx.AsyncClient(timeout=WITHIN_S) as client:
        for headers in ({"authorization": f"Bearer {key}"}, {"x-api-key": key}, {"authorization": key}):
            for query in (QUERY, "{", "{ nothing }"):
                answer = await client.post(url, json={"query": query}, headers=headers)
                yield f"{answer.headers} {answer.text}"
            answer = await client.get(url, params={"query": QUERY}, headers=headers)
            yield f"{answer.headers} {answer.text}"
        # Someone may try; an address ends up in logs.
        answer = await client.get(url, params={"query": QUERY, "apiKey": key})
        yield f"{answer.headers} {answer.text}"
        for accepted in STREAMS:
            headers = {"authorization": f"Bearer {key}", "accept": accepted}
            async with client.stream("POST", url, json={"query": LIVE}, headers=headers) as stream:
                async for part in stream.aiter_text():
                    yield part
                    break


async def open_socket(gateway: GatewayProcess, subprotocol: str, key: str) -> str:
    """Send a key over a WebSocket; return what comes back first, or why it is closed."""
    async with connect(gateway.ws, subprotocols=[Subprotocol(subprotocol)], proxy=None) as socket:
        await socket.send(json.dumps({"type": "connection_init", "payload": {"apiKey": key}}))
        try:
            return str(await socket.recv())
        except websockets.ConnectionClosed as closed:
            return str(closed)


@asynccontextmanager
async def watching(gateway: GatewayProcess, key: str, arguments: list[str]) -> AsyncIterator[None]:
    """Run `ratewire watch` with a key, once it has its first event."""
    env = {"RATEWIRE_URL": gateway.http, "RATEWIRE_KEY": key}
    async with started(sys.executable, "-m", "ratewire", "watch", cwd=ROOT, env=env) as program:
        await program.line(has="SNAPSHOT")
        arguments.extend(list_arguments())
        yield
        await program.line(has="the key was revoked")
        arguments.extend(program.lines)


async def test_no_secret_is_in_logs_metrics_errors_or_arguments(redis_url: str, tmp_path: Path) -> None:
    """Of a key in use, a wrong, a mistyped and a revoked one, over every transport."""
    settings = {
        "RATEWIRE_REDIS_URL": redis_url,
        "RATEWIRE_DATABASE_URL": f"sqlite+aiosqlite:///{tmp_path}/instruments.db",
        "RATEWIRE_SIMULATED": "true",
    }
    seen: list[str] = []

    async def keys(*arguments: str) -> str:
        async with running("keys", *arguments, env=settings) as command:
            assert await command.ends(within_s=WITHIN_S) == 0, command.text
        return command.text

    async with gateway_processes(1, redis_url, tmp_path, [SYMBOL], anew=True) as [gateway]:
        used, revoked = [(await keys("create", name)).split()[-1] for name in ("used", "revoked")]
        wrong = generate_key(generate_key_id())
        await keys("revoke", revoked.split("_")[1])
        for key in (used, used[:-1], wrong, revoked):
            seen += [part async for part in request(gateway, key)]
            seen += [await open_socket(gateway, each, key) for each in SUBPROTOCOLS]
        async with watching(gateway, used, seen):
            seen.append(await keys("revoke", used.split("_")[1]))
        seen += [await keys("list", "--all"), await keys("audit")]
        async with httpx.AsyncClient(timeout=WITHIN_S) as client:
            seen += [
                (await client.get(f"{gateway.http}{path}")).text for path in ("/metrics", "/health/ready")
            ]
        seen.append(gateway.command.text)
    told = "\n".join(seen)
    # It was there to be found.
    for part in ("-m ratewire watch", "ratewire_gateway_keyed_connections", "UNAUTHENTICATED", "listening"):
        assert part in told
    for key in (used, wrong, revoked):
        assert not [form for form in secret_forms(key) if form in told]
