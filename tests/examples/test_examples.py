"""Every example runs against the embedded system as `examples/README.md` says.

The resume helpers resume.
"""

import json
import re
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import pytest_asyncio
from websockets.asyncio.server import ServerConnection, serve
from websockets.typing import Subprotocol

from drill.distributed.relay import cuttable
from runtime.free_port import free_port
from tests.e2e.graphql_client import fresh_from_all
from tests.e2e.processes import ROOT, running
from tests.e2e.programs import output_of, started
from tests.lengths import only_long

EXAMPLES = ROOT / "examples"
PYTHON, CURL, TYPESCRIPT = (EXAMPLES / name for name in ("python", "curl", "typescript"))
NPM_WITHIN_S = 240
RESUMING = {
    "python": (PYTHON, (sys.executable, "resume.py")),
    "typescript": (TYPESCRIPT, ("node", "build/resume.js")),
}
pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.servers]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def port(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[int]:
    """The port of the embedded system, once all sources have fresh rates."""
    port = free_port()
    env = {
        "RATEWIRE_GATEWAY_PORT": str(port),
        "RATEWIRE_STANDALONE_FOLDER": str(tmp_path_factory.mktemp("run")),
    }
    async with running("up", env=env):
        await fresh_from_all(f"http://127.0.0.1:{port}")
        yield port


@pytest.fixture(scope="module")
def built() -> None:
    """The TypeScript examples, installed, generated and compiled as their page says."""
    for arguments in (("ci", "--no-audit", "--no-fund"), ("run", "generate"), ("run", "build")):
        subprocess.run(("npm", "--silent", *arguments), cwd=TYPESCRIPT, check=True, timeout=NPM_WITHIN_S)


@pytest.fixture(params=["python", *only_long("typescript")])
def language(request: pytest.FixtureRequest) -> str:
    """A language of the resume helper, whose programs are built."""
    if request.param == "typescript":
        request.getfixturevalue("built")
    return str(request.param)


def address(port: int) -> dict[str, str]:
    return {"RATEWIRE_URL": f"http://127.0.0.1:{port}/graphql"}


async def test_the_python_query_prints_prices_and_what_is_missing(port: int) -> None:
    """It prints a price with all digits and its age, and the reason for an unknown symbol."""
    output = await output_of(sys.executable, "query.py", "BTC/USDT", "NO/SUCH", cwd=PYTHON, env=address(port))
    assert re.search(r"^BTC/USDT \w+ \d+\.\d+ \d+ ms old$", output, re.MULTILINE)
    assert "NO/SUCH is unavailable:" in output


async def test_the_python_subscription_prints_moving_prices(port: int) -> None:
    """Three lines are three different prices."""
    async with started(sys.executable, "live.py", "BTC/USDT", cwd=PYTHON, env=address(port)) as program:
        lines = [await program.line(has="FRESH") for _ in range(3)]
    assert len(set(lines)) == 3


async def test_curl_gets_a_rate_and_a_stream_that_goes_on_from_a_cursor(port: int) -> None:
    """The last event's id, passed to the next call, gives a recovered snapshot."""
    assert '"price"' in await output_of("sh", "query.sh", "BTC/USDT", cwd=CURL, env=address(port))
    async with started("sh", "live.sh", cwd=CURL, env=address(port)) as program:
        cursor = (await program.line(has="id: ")).removeprefix("id: ").strip()
        await program.line(has='"UPDATE"')
    async with started("sh", "live.sh", cursor, cwd=CURL, env=address(port)) as program:
        assert '"recovered":true' in await program.line(has="data: ")


async def test_curl_says_what_is_wrong_and_fails(port: int) -> None:
    """The script exits with an error instead of continuing without an answer."""
    async with started("sh", "query.sh", "bitcoin", cwd=CURL, env=address(port)) as program:
        assert "INVALID_SYMBOL" in await program.line(has="errors")


@pytest.mark.long
@pytest.mark.usefixtures("built")
async def test_urql_and_apollo_query_and_subscribe(port: int) -> None:
    """Typed operations work over HTTP and WebSocket.

    The cache holds the subscription's latest value.
    """
    urql = await output_of("node", "build/urql.js", cwd=TYPESCRIPT, env=address(port))
    assert "FRESH" in urql
    assert urql.count("UPDATE") == 4
    apollo = await output_of("node", "build/apollo.js", cwd=TYPESCRIPT, env=address(port))
    moves = re.findall(r"^\w+ ([\d.]+) in the cache: ([\d.]+)$", apollo, re.MULTILINE)
    assert len(moves) == 5
    assert all(received == cached for received, cached in moves)


async def test_the_resume_helper_goes_on_after_a_cut_and_proves_it(language: str, port: int) -> None:
    """After each of two cuts the first event is a snapshot that says that nothing was missed."""
    folder, command = RESUMING[language]
    async with cuttable(port) as relay, started(*command, cwd=folder, env=address(relay.own_port)) as program:
        await program.line(has="UPDATE")
        for cuts in (1, 2):
            relay.cut()
            await program.line(has="SNAPSHOT (nothing was missed)")
            await program.line(has="UPDATE")
            assert relay.accepted == cuts + 1


async def test_the_resume_helper_says_when_something_may_have_been_missed(
    language: str, tmp_path: Path
) -> None:
    """The embedded system keeps its cache in memory: after a restart the helper reports a gap."""
    folder, command = RESUMING[language]
    port = free_port()
    env = {"RATEWIRE_GATEWAY_PORT": str(port), "RATEWIRE_STANDALONE_FOLDER": str(tmp_path)}
    async with started(*command, cwd=folder, env=address(port)) as program:
        async with running("up", env=env):
            await program.line(has="UPDATE")
        await program.line(has="lost")
        async with running("up", env=env):
            await program.line(has="GAP")
            await program.line(has="SNAPSHOT (something may have been missed)")
            await program.line(has="UPDATE")


@asynccontextmanager
async def refusing_once(code: str) -> AsyncIterator[int]:
    """Serve graphql-transport-ws.

    The first answer is an error with `code`, any later one an event. Yields the port.
    """
    subscriptions = 0
    event: dict[str, object] = {
        "kind": "SNAPSHOT",
        "recovered": None,
        "conflatedCount": 0,
        "cursor": "c",
        "sentAt": "2026-11-22T12:00:00.000Z",
        "items": [],
        "unavailable": [],
    }

    async def serve_one(socket: ServerConnection) -> None:
        nonlocal subscriptions
        async for text in socket:
            message = json.loads(text)
            if message["type"] == "connection_init":
                await socket.send(json.dumps({"type": "connection_ack"}))
            elif message["type"] == "subscribe":
                subscriptions += 1
                error = {"message": "refused", "extensions": {"code": code}}
                answer: dict[str, object] = {"type": "next", "payload": {"data": {"rates": event}}}
                if subscriptions == 1:
                    answer = {"type": "error", "payload": [error]}
                await socket.send(json.dumps({"id": message["id"], **answer}))

    protocol = Subprotocol("graphql-transport-ws")
    async with serve(serve_one, "127.0.0.1", 0, subprotocols=[protocol]) as server:
        yield next(iter(server.sockets)).getsockname()[1]


async def test_the_resume_helper_waits_for_a_gateway_that_is_starting(language: str) -> None:
    """A gateway answers SERVICE_UNAVAILABLE until it has read the instruments."""
    folder, command = RESUMING[language]
    async with (
        refusing_once("SERVICE_UNAVAILABLE") as port,
        started(*command, cwd=folder, env=address(port)) as program,
    ):
        await program.line(has="SNAPSHOT")


async def test_the_resume_helper_gives_up_on_a_rejected_query(language: str) -> None:
    """A retry cannot succeed: the program ends with the reason."""
    folder, command = RESUMING[language]
    async with (
        refusing_once("BAD_USER_INPUT") as port,
        started(*command, cwd=folder, env=address(port)) as program,
    ):
        await program.line(has="refused")
        await program.process.communicate()
        assert program.process.returncode == 1


async def test_the_helper_to_copy_is_the_one_that_the_command_line_uses() -> None:
    """The example and `ratewire watch` share one file, in two places."""
    ours = ROOT / "ratewire" / "client" / "resuming.py"
    assert (PYTHON / "resuming.py").read_text() == ours.read_text()


async def test_the_page_names_every_example() -> None:
    """`examples/README.md` lists every file."""
    page = (EXAMPLES / "README.md").read_text()
    files = [*PYTHON.glob("*.py"), *CURL.glob("*.sh"), *(TYPESCRIPT / "src").glob("*.ts")]
    named = [file.name for file in files if file.name != "address.ts"]
    assert named
    assert not [name for name in named if name not in page]
