"""Follow `docs/adding-a-source.md`: a new source takes one folder and one member of an enum."""

import asyncio
import json
import re
import shutil
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from textwrap import indent
from typing import TypedDict

import pytest
from websockets.asyncio.server import ServerConnection, serve

from runtime.free_port import free_port
from tests.e2e.graphql_client import execute, rates
from tests.e2e.processes import ROOT, eventually, running

PAGE = ROOT / "docs" / "adding-a-source.md"
FOLDER = Path(__file__).with_name("septem")
MEMBER = re.compile(r"^SEPTEM = \(\n.*?^\)\n", re.MULTILINE | re.DOTALL)
LAST_MEMBER = re.compile(r"^    COINGECKO = \(\n.*?^    \)\n", re.MULTILINE | re.DOTALL)
TIMEOUT_S = 120


class OneRate(TypedDict):
    rate: dict[str, str | int]


class EnumValue(TypedDict):
    name: str
    description: str


class Enum(TypedDict):
    enumValues: list[EnumValue]


class SourceType(TypedDict):
    type: Enum


def take_copy(folder: Path) -> Path:
    """Copy the project and add a seventh source by the steps of the page alone."""
    copy = folder / "project"
    copy.mkdir()
    for package in [path.parent for path in ROOT.glob("*/__init__.py")]:
        shutil.copytree(package, copy / package.name, ignore=shutil.ignore_patterns("__pycache__", "static"))
    shutil.copytree(
        ROOT / "tests/pipeline",
        copy / "tests/pipeline",
        ignore=shutil.ignore_patterns("__pycache__"),
        dirs_exist_ok=True,
    )
    shutil.copytree(FOLDER, copy / "pipeline" / "sources" / "septem")
    (member,) = MEMBER.findall(PAGE.read_text())
    source = copy / "rates" / "source.py"
    text, count = LAST_MEMBER.subn(rf"\g<0>{indent(member, '    ')}", source.read_text())
    assert count == 1, "the members of `Source` are written in another way"
    source.write_text(text)
    return copy


@asynccontextmanager
async def exchange() -> AsyncIterator[str]:
    """The made-up exchange: ten ticks a second of every pair that is followed."""

    async def trade(connection: ServerConnection) -> None:
        pairs = json.loads(await connection.recv())["follow"]
        for number in range(10_000):
            for pair in pairs:
                tick = {
                    "pair": pair,
                    "price": f"61000.{number:04}",
                    "at": time.time_ns() // 10**6,
                    "n": number,
                }
                await connection.send(json.dumps(tick))
            await asyncio.sleep(0.1)

    async with serve(trade, "127.0.0.1", 0) as server:
        yield f"ws://127.0.0.1:{next(iter(server.sockets)).getsockname()[1]}"


@pytest.mark.long
async def test_one_folder_and_one_member_bring_a_source_to_its_readers(
    tmp_path: Path, redis_url: str
) -> None:
    """Its rates arrive through GraphQL, fresh and moving, with its name, TTL and description."""
    copy, port = take_copy(tmp_path), free_port()
    async with exchange() as address:
        env = {
            "RATEWIRE_DATABASE_URL": f"sqlite+aiosqlite:///{tmp_path / 'instruments.sqlite'}",
            "RATEWIRE_REDIS_URL": redis_url,
            "RATEWIRE_GATEWAY_PORT": str(port),
            "RATEWIRE_SEPTEM_STREAM_URLS": address,
        }
        for command in (["migrate"], ["instruments", "add", "septem", "BTC/USD", "btc_usd"]):
            async with running(*command, env=env, folder=copy) as once:
                assert await once.ends(within_s=TIMEOUT_S) == 0, once.text
        async with (
            running("gateway", env=env, folder=copy) as gateway,
            running("stream", "septem", env=env, folder=copy),
        ):
            await gateway.prints("listening", within_s=TIMEOUT_S)
            url = f"http://127.0.0.1:{port}"

            async def price() -> str | None:
                items = await rates(url, symbols=["BTC/USD"], sources=["SEPTEM"])
                return str(items[0]["price"]) if items and items[0]["freshness"] == "FRESH" else None

            first = await eventually(price, within_s=TIMEOUT_S, what="a fresh rate of the seventh source")

            async def moved() -> bool:
                return await price() not in (None, first)

            await eventually(moved, within_s=TIMEOUT_S, what="another price")
            answer = await execute(
                url, '{ rate(symbol: "BTC/USD", source: SEPTEM) { id ttlMs observedAtOrigin } }', OneRate
            )
            assert answer["rate"] == {
                "id": "Rate:SEPTEM:BTC/USD",
                "ttlMs": 10_000,
                "observedAtOrigin": "SOURCE",
            }
            known = await execute(
                url, '{ type: __type(name: "SourceId") { enumValues { name description } } }', SourceType
            )
            meanings = {one["name"]: one["description"] for one in known["type"]["enumValues"]}
            assert meanings["SEPTEM"].startswith("Septem, a made-up exchange")


@pytest.mark.servers
@pytest.mark.long
async def test_the_checks_of_all_folders_cover_it(tmp_path: Path) -> None:
    """The checks of layout, purity and independence cover the new folder without a change."""
    copy = take_copy(tmp_path)
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "pytest", "-v", "-p", "no:cacheprovider"),
        *("-c", "/dev/null", "--rootdir", str(copy), str(copy / "tests" / "pipeline" / "test_sources.py")),
        cwd=copy,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    async with asyncio.timeout(TIMEOUT_S):
        output, _ = await process.communicate()
    text = output.decode()
    assert process.returncode == 0, text
    assert "test_no_source_knows_another[septem] PASSED" in text


@pytest.mark.parametrize(
    "name", ["settings.py", "symbols.py", "messages.py", "tickers.py", "protocol.py", "factory.py"]
)
def test_the_page_names_every_file_of_the_folder(name: str) -> None:
    """The page's table lists the files that exist."""
    assert f"| `{name}` |" in PAGE.read_text()
    assert (FOLDER / name).exists()
