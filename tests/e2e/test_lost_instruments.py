"""A table of instruments that loses its rows under the embedded system.

An operator restores or accepts that.
"""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import httpx
import pytest

from runtime.free_port import free_port
from tests.e2e.processes import eventually, running
from tests.json_types import Json

pytestmark = [pytest.mark.servers, pytest.mark.long, pytest.mark.timeout(500)]

# Each of several starts may take a minute on a machine that is busy with other tests.
WITHIN_S = 120
QUERY = """{
  instruments { totalCount }
  rate(symbol: "BTC/USDT", source: OKX) { freshness }
  sources { source { code } state reason }
}"""


class Embedded:
    """A running system, and its database past all commands."""

    def __init__(self, folder: Path) -> None:
        self.file, port = folder / "ratewire.sqlite", free_port()
        self.url = f"http://127.0.0.1:{port}"
        self.env = {
            "RATEWIRE_GATEWAY_PORT": str(port),
            "RATEWIRE_STANDALONE_FOLDER": str(folder),
            "RATEWIRE_DATABASE_URL": f"sqlite+aiosqlite:///{self.file}",
            "RATEWIRE_REDIS_URL": "redis://127.0.0.1:1/0",
            "RATEWIRE_SIMULATED": "true",
        }

    def delete(self, where: str = "true") -> None:
        """Delete rows by hand."""
        with closing(sqlite3.connect(self.file, timeout=30)) as connection, connection:
            connection.execute(f"DELETE FROM instruments WHERE {where}")

    async def command(self, *arguments: str) -> str:
        """Return the output of `ratewire instruments`."""
        async with running("instruments", *arguments, env=self.env) as command:
            assert await command.ends(within_s=WITHIN_S) == 0, command.text
        return " ".join(command.text.split())

    async def ask(self) -> Json:
        """The data of `QUERY`."""
        async with httpx.AsyncClient(timeout=WITHIN_S, trust_env=False) as client:
            answer = (await client.post(f"{self.url}/graphql", json={"query": QUERY})).json()
            return {
                **answer["data"],
                "sources": {each["source"]["code"]: each for each in answer["data"]["sources"]},
            }

    async def held_back(self) -> Json:
        """The facts of `/health/ready`."""
        async with httpx.AsyncClient(timeout=WITHIN_S, trust_env=False) as client:
            return (await client.get(f"{self.url}/health/ready")).json()["catalog"]["heldBack"]

    async def metric(self) -> str:
        """The number in `/metrics`."""
        async with httpx.AsyncClient(timeout=WITHIN_S, trust_env=False) as client:
            lines = (await client.get(f"{self.url}/metrics")).text.splitlines()
        (line,) = (each for each in lines if each.startswith("ratewire_gateway_instruments_held_back "))
        return line.split()[1]

    async def until(self, what: str, holds: Callable[[Json, Json], bool]) -> None:
        """Wait for answers and facts that `holds` accepts."""

        async def is_so() -> bool:
            return holds(await self.ask(), await self.held_back())

        await eventually(is_so, within_s=WITHIN_S, what=what)


async def test_an_emptied_table_retracts_nothing_until_an_operator_says_so(tmp_path: Path) -> None:
    """It is said in `sources`, health, metrics and once in the log, also after a restart."""
    system = Embedded(tmp_path)
    async with running("up", env=system.env) as up:
        await up.prints("gateway listening", within_s=WITHIN_S)
        await system.until("a fresh rate", lambda data, _: bool(data["rate"]))
        total = (await system.ask())["instruments"]["totalCount"]
        assert total > 300
        system.delete()
        await system.until("all held back", lambda _, held: len(held) == 6)
        assert await system.metric() == f"{total}.0"
        await system.until(
            "the reason of each source",
            lambda data, _: all(
                each["state"] != "UP" and "missing in the database" in (each["reason"] or "")
                for each in data["sources"].values()
            ),
        )
        await system.until(
            "a fresh rate still", lambda data, _: data["rate"] and data["rate"]["freshness"] == "FRESH"
        )
        assert (await system.ask())["instruments"]["totalCount"] == total
        assert up.text.count("tracked instruments are missing") == 1

    async with running("up", env=system.env) as up:
        await up.prints("tracked instruments are missing", within_s=WITHIN_S)
        await up.prints("gateway listening", within_s=WITHIN_S)
        await system.until("a fresh rate", lambda data, _: bool(data["rate"]))
        assert (await system.ask())["instruments"]["totalCount"] == total

        printed = await system.command("restore")
        assert printed.startswith(f"restored {total} instruments: ")
        await system.until("none held back", lambda _, held: not held)
        assert await system.metric() == "0.0"
        assert (await system.ask())["instruments"]["totalCount"] == total

        system.delete("source = 'okx'")
        await system.until("OKX held back", lambda _, held: list(held) == ["OKX"])
        await system.until("OKX not UP", lambda data, _: data["sources"]["OKX"]["state"] != "UP")
        assert await system.command("remove", "okx", "BTC/USDT") == "removed BTC/USDT from okx"
        await system.until("the removed one gone", lambda data, held: bool(held) and not data["rate"])
        printed = await system.command("accept")
        assert printed.startswith("given up "), printed
        assert printed.endswith(" of okx"), printed
        await system.until("none held back", lambda _, held: not held)
        await system.until("fewer instruments", lambda data, _: data["instruments"]["totalCount"] < total)
        await system.until("no source with a reason", lambda data, _: "missing" not in str(data["sources"]))
