"""`ratewire instruments` as an operator runs it, on SQLite, with local stand-in sources."""

import json
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.e2e.processes import running
from tests.pipeline.fakes import until
from tests.pipeline.http_server import Server, open_server

pytestmark = pytest.mark.servers

COINS = [
    {"id": "bitcoin", "symbol": "btc", "name": "Bitcoin"},
    {"id": "pepe", "symbol": "pepe", "name": "Pepe"},
    {"id": "pepe-cash", "symbol": "pepe", "name": "Pepe Cash"},
]
PAIRS = [("SOLUSDT", "SOL", "USDT", "TRADING"), ("LUNAUSDT", "LUNA", "USDT", "BREAK")]


def exchange_info(pairs: list[tuple[str, str, str, str]]) -> str:
    keys = ("symbol", "baseAsset", "quoteAsset", "status")
    return json.dumps({"symbols": [dict(zip(keys, pair, strict=True)) for pair in pairs]})


class Shell:
    """Runs commands with one database and two listings."""

    def __init__(self, env: dict[str, str], binance: Server, coingecko: Server) -> None:
        self.env, self.binance, self.coingecko = env, binance, coingecko

    async def __call__(self, *arguments: str, fails: bool = False) -> str:
        async with running(*arguments, env=self.env) as command:
            code = await command.ends(within_s=60)
        assert (code != 0) is fails, command.text
        assert "Traceback" not in command.text
        return " ".join(command.text.split())


@pytest.fixture
async def shell(tmp_path: Path) -> AsyncIterator[Shell]:
    async with open_server(exchange_info(PAIRS)) as binance, open_server(json.dumps(COINS)) as coingecko:
        env = {
            "RATEWIRE_DATABASE_URL": f"sqlite+aiosqlite:///{tmp_path}/instruments.sqlite",
            "RATEWIRE_REDIS_URL": "redis://127.0.0.1:1/0",
            "RATEWIRE_BINANCE_REST_URL": binance.url,
            "RATEWIRE_COINGECKO_URL": coingecko.url,
            "RATEWIRE_LOG_LEVEL": "error",
            "COLUMNS": "160",
        }
        shell = Shell(env, binance, coingecko)
        await shell("migrate")
        yield shell


async def test_a_spelling_is_looked_up_in_the_listing(shell: Shell) -> None:
    """Found, halted, unknown with near matches, and ambiguous with how to say which."""
    assert (
        await shell("instruments", "add", "binance", "SOL/USDT") == "updated SOL/USDT from binance as SOLUSDT"
    )
    output = await shell("instruments", "add", "binance", "LUNA/USDT")
    assert output == "added LUNA/USDT from binance as LUNAUSDT, halted: BREAK"
    output = await shell("instruments", "add", "binance", "SOLL/USDT", fails=True)
    assert output == "ratewire: SOLL/USDT is not listed by binance; near matches: SOL/USDT"
    output = await shell("instruments", "add", "coingecko", "PEPE/USD", fails=True)
    assert "say which: ratewire instruments add coingecko PEPE/USD SOURCE_SYMBOL" in output
    assert "could be any of 2 that coingecko lists: pepe (Pepe), pepe-cash (Pepe Cash)" in output
    output = await shell("instruments", "add", "coingecko", "PEPE/EUR", "pepe")
    assert output == "added PEPE/EUR from coingecko"
    assert len(shell.coingecko.asked) == 1, "an explicit id needs no request"
    output = await shell("instruments", "list", "--source", "binance")
    assert "LUNA/USDT LUNAUSDT LUNA BREAK since 20" in output
    assert output.endswith("tracked, 1 of them halted")


async def test_discover_shows_what_could_be_tracked(shell: Shell) -> None:
    """By quote and by a part of the name, with status, and what is tracked by now."""
    output = await shell("instruments", "discover", "binance", "--quote", "usdt", "--search", "sol")
    assert "SOLUSDT SOL USDT SOL TRADING tracked" in output
    assert "LUNA" not in output
    assert output.endswith("1 of 2 that binance lists")
    output = await shell("instruments", "discover", "coingecko", "--search", "pepe", "--limit", "1")
    assert "pepe PEPE any Pepe active" in output
    assert output.endswith("2 of 3 that coingecko lists, the first 1 of them shown")


async def test_a_listing_that_lost_much_is_followed_only_if_accepted(shell: Shell) -> None:
    """The command applies the same check as the background job, and prints what it changed."""
    output = await shell("instruments", "follow", "binance", fails=True)
    assert "listing not believed: expected most of" in output
    output = await shell("instruments", "follow", "binance", "--accept")
    assert "BTC/USDT: not listed since" in output
    assert "binance lists 2;" in output


async def test_a_refusing_source_is_reported(shell: Shell) -> None:
    """One line of output; nothing is changed."""
    shell.binance.status = 451
    output = await shell("instruments", "discover", "binance", fails=True)
    assert output.startswith("ratewire: binance: HTTP 451")


async def test_ctrl_c_ends_a_request_that_is_not_answered(shell: Shell) -> None:
    """The process stops at once with exit code 130."""
    shell.binance.answers = False
    env = {**shell.env, "RATEWIRE_BINANCE_CONNECT_TIMEOUT_S": "60"}
    async with running("instruments", "discover", "binance", env=env, anew=True) as command:
        await until(lambda: shell.binance.asked, within_s=60)
        command.process.send_signal(signal.SIGINT)
        assert await command.ends() == 130
    assert "Traceback" not in command.text
