"""Ratewire as a subgraph, composed with a second one by The Guild's library."""

import asyncio
import json
import re
from pathlib import Path

import pytest

from gateway.schema.federation import print_subgraph_sdl
from tests.gateway.node_client import CLIENTS
from tests.json_types import Json

PORTFOLIO = Path(__file__).resolve().parents[1] / "federation/portfolio.graphql"
TIMEOUT_S = 60

pytestmark = [pytest.mark.servers, pytest.mark.slow]


async def compose(sdl: str) -> Json:
    """The errors of the composition, and the heads of the composed types."""
    process = await asyncio.create_subprocess_exec(
        "node", "compose.mjs", str(PORTFOLIO), cwd=CLIENTS, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )  # fmt: skip
    try:
        async with asyncio.timeout(TIMEOUT_S):
            printed, _ = await process.communicate(sdl.encode())
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return json.loads(printed)


async def test_the_subgraph_composes_with_a_second_one() -> None:
    """Assets and rates are joined by their keys."""
    composed = await compose(print_subgraph_sdl())
    assert composed["errors"] == []
    (asset,) = (each for each in composed["types"] if each.startswith("type Asset "))
    assert sorted(re.findall(r"@join__type\(graph: (\w+), key: \"(\w+)\"", asset)) == [
        ("OTHER", "code"),
        ("RATEWIRE", "code"),
        ("RATEWIRE", "id"),
    ]


async def test_without_its_keys_it_does_not_compose() -> None:
    """The composition looks at what the subgraph says."""
    sdl = print_subgraph_sdl().replace(' @key(fields: "id") @key(fields: "code")', "")
    assert (await compose(sdl))["errors"]
