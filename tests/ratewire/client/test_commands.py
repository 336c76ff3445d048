"""`ratewire query` and `ratewire watch` against the embedded system, and their errors."""

import asyncio
import json
import os
import pty
import shlex
import sys
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import pytest
import pytest_asyncio
from typer.testing import CliRunner

from ratewire.cli import app
from runtime.free_port import free_port
from tests.e2e.graphql_client import rates
from tests.e2e.processes import ROOT, eventually, running
from tests.e2e.programs import LONGEST_S, output_of, started

pytestmark = pytest.mark.servers

RATEWIRE = (sys.executable, "-m", "ratewire")
runner = CliRunner()
# None of them answers, and nothing of the embedded system and its clients may ask them.
PROXIES = {
    "HTTP_PROXY": "http://127.0.0.1:9",
    "HTTPS_PROXY": "socks5://127.0.0.1:9",
    "ALL_PROXY": "socks5://127.0.0.1:9",
    "NO_PROXY": "fd07:b51a:cc66:f0::/64",
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def env(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[dict[str, str]]:
    """Return the environment of a client of the embedded system, once that has a price."""
    port = free_port()
    settings = {
        "RATEWIRE_GATEWAY_PORT": str(port),
        "RATEWIRE_STANDALONE_FOLDER": str(tmp_path_factory.mktemp("run")),
        **PROXIES,
    }
    async with running("up", env=settings):

        async def fresh() -> bool:
            items = await rates(f"http://127.0.0.1:{port}", symbols=["BTC/USDT"], sources=["BINANCE"])
            return [item["freshness"] for item in items or ()] == ["FRESH"]

        await eventually(fresh, within_s=120, what="a fresh rate")
        yield {"RATEWIRE_URL": f"http://127.0.0.1:{port}", "TERM": "xterm", "COLUMNS": "120", **PROXIES}


@pytest.mark.asyncio(loop_scope="module")
async def test_a_query_prints_the_whole_answer(env: dict[str, str], tmp_path: Path) -> None:
    """From a file with two operations, one of them selected by name, with variables."""
    file = tmp_path / "two.graphql"
    file.write_text(
        "query A($s: Symbol!) { rate(symbol: $s) { symbol } } query B { sources { source { code } } }"
    )
    output = await output_of(
        *RATEWIRE,
        *("query", str(file), "--operation", "A", "--variables", '{"s": "BTC/USDT"}'),
        cwd=ROOT,
        env=env,
    )
    assert json.loads(output) == {"data": {"rate": {"symbol": "BTC/USDT"}}}


@pytest.mark.asyncio(loop_scope="module")
async def test_a_subscription_prints_one_line_an_event(env: dict[str, str], tmp_path: Path) -> None:
    """The number of events is an option."""
    file = tmp_path / "live.graphql"
    file.write_text('subscription { rates(symbols: ["BTC/USDT"]) { kind } }')
    output = await output_of(*RATEWIRE, "query", str(file), "--events", "2", cwd=ROOT, env=env)
    assert [json.loads(line)["data"]["rates"]["kind"] for line in output.splitlines()] == [
        "SNAPSHOT",
        "UPDATE",
    ]


@pytest.mark.asyncio(loop_scope="module")
async def test_rows_are_printed_as_csv_and_as_a_table(env: dict[str, str], tmp_path: Path) -> None:
    """Of a query, and of the events of a subscription under one header."""
    file = tmp_path / "rows.graphql"
    selected = 'rates(symbols: ["BTC/USDT"], sources: [BINANCE]) { items { symbol source { code } price } }'
    file.write_text(f"query Q {{ {selected} }} subscription S {{ {selected} }}")

    async def run(*options: str) -> list[str]:
        output = await output_of(*RATEWIRE, "query", str(file), *options, cwd=ROOT, env=env)
        return output.splitlines()

    header, row = await run("--operation", "Q", "--csv")
    assert header == "symbol,source.code,price"
    assert row.startswith("BTC/USDT,BINANCE,")
    header, *events = await run("--operation", "S", "--csv", "--events", "3")
    assert (header, len(events)) == ("symbol,source.code,price", 3)
    header, _, row = [line for line in await run("--operation", "Q", "--table") if line.strip()]
    assert (header.split(), row.split()[:2]) == (["symbol", "source.code", "price"], ["BTC/USDT", "BINANCE"])


@pytest.mark.asyncio(loop_scope="module")
async def test_a_reader_that_has_enough_ends_a_subscription(env: dict[str, str], tmp_path: Path) -> None:
    """As `head` does, without a complaint."""
    file = tmp_path / "live.graphql"
    file.write_text("subscription { rates { items { symbol price } } }")
    command = f"{shlex.join([*RATEWIRE, 'query', str(file), '--csv'])} | head -n 1; echo ${{PIPESTATUS[0]}}"
    process = await asyncio.create_subprocess_exec(
        *("bash", "-c", command),
        cwd=ROOT,
        env={**os.environ, **env},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(LONGEST_S):
        output, errors = await process.communicate()
    assert (output.decode().split(), errors) == (["symbol,price", "0"], b"")


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("kind", ["query", "subscription"])
async def test_an_answer_with_errors_is_printed_and_fails(
    env: dict[str, str], tmp_path: Path, kind: str
) -> None:
    """A script must not mistake it for data."""
    file = tmp_path / "wrong.graphql"
    file.write_text(f'{kind} {{ rate(symbol: "bitcoin") {{ price }} }}')
    async with started(*RATEWIRE, "query", str(file), cwd=ROOT, env=env) as program:
        await program.line(has="INVALID_SYMBOL")
        await program.process.stdout.read()  # type: ignore[union-attr]  # it was asked for
        assert await program.process.wait() == 1


@pytest.mark.asyncio(loop_scope="module")
async def test_watch_prints_json_lines_into_a_pipe(env: dict[str, str]) -> None:
    """Scripts get the events unchanged."""
    output = await output_of(*RATEWIRE, "watch", "BTC/USDT", "--events", "3", cwd=ROOT, env=env)
    events = [json.loads(line) for line in output.splitlines()]
    assert [event["kind"] for event in events] == ["SNAPSHOT", "UPDATE", "UPDATE"]
    assert all(item["symbol"] == "BTC/USDT" for event in events for item in event["items"])


@pytest.mark.asyncio(loop_scope="module")
async def test_watch_says_what_the_server_refuses(env: dict[str, str]) -> None:
    """It does not try again forever."""
    async with started(*RATEWIRE, "watch", "bitcoin", cwd=ROOT, env=env) as program:
        assert "'bitcoin' is not a symbol" in await program.line(has="ratewire:")
        assert await program.process.wait() == 1


@pytest.mark.asyncio(loop_scope="module")
async def test_watch_draws_a_table_on_a_terminal(env: dict[str, str]) -> None:
    """On a pseudo-terminal: symbol, source, freshness, and the label of simulated prices."""
    own, theirs = pty.openpty()
    process = await asyncio.create_subprocess_exec(
        *(*RATEWIRE, "watch", "BTC/USDT", "--events", "3"),
        cwd=ROOT,
        env={**os.environ, **env},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=theirs,
        stderr=theirs,
    )
    os.close(theirs)
    async with asyncio.timeout(LONGEST_S):
        drawn = await asyncio.to_thread(read_terminal, own)
        assert await process.wait() == 0, drawn
    for part in ("BTC/USDT", "BINANCE", "FRESH", "SIMULATED", "live"):
        assert part in drawn


def read_terminal(descriptor: int) -> str:
    """Read a terminal until its other end is closed."""
    chunks = []
    with suppress(OSError):
        while chunk := os.read(descriptor, 65_536):
            chunks.append(chunk)
    os.close(descriptor)
    return b"".join(chunks).decode()


def test_a_document_that_does_not_parse_is_refused_with_the_place(tmp_path: Path) -> None:
    """The message replaces the gateway's answer; it also comes without a gateway."""
    file = tmp_path / "broken.graphql"
    file.write_text("{ rate(symbol: }")
    result = runner.invoke(app, ["query", str(file)])
    assert result.exit_code == 2
    assert "Syntax Error" in result.output


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--operation", "C"], "--operation"),
        (["--operation", "A", "--variables", "[1]"], "JSON object"),
        (["--operation", "A", "--variables", "{"], "JSON object"),
        (["--operation", "A", "--url", "localhost:8000"], "http://HOST"),
    ],
)
def test_an_argument_that_cannot_be_used_is_refused(tmp_path: Path, arguments: list[str], said: str) -> None:
    """The message says what was expected."""
    file = tmp_path / "two.graphql"
    file.write_text("query A { sources { source { code } } } query B { sources { source { code } } }")
    result = runner.invoke(app, ["query", str(file), *arguments])
    assert result.exit_code == 2
    assert said in result.output


def test_a_gateway_that_is_not_there_is_named(tmp_path: Path) -> None:
    """The error is one line without a traceback."""
    file = tmp_path / "one.graphql"
    file.write_text("{ sources { source { code } } }")
    url = f"http://127.0.0.1:{free_port()}/graphql"
    result = runner.invoke(app, ["query", str(file), "--url", url])
    assert result.exit_code == 1
    assert url in result.output
    assert len(result.output.splitlines()) == 1


@pytest.mark.parametrize("command", ["query", "watch"])
def test_an_unusable_proxy_is_refused_by_name(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """For a gateway elsewhere; the exit code is that of a wrong option."""
    monkeypatch.setenv("https_proxy", "ftp://proxy.test:1")
    file = tmp_path / "any.graphql"
    file.write_text("{ sources { source { code } } }")
    argument = str(file) if command == "query" else "BTC/USDT"
    result = runner.invoke(app, [command, argument, "--url", "https://gateway.test", "--events", "1"])
    assert result.exit_code == 2
    assert "https_proxy" in result.output
