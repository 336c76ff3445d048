"""Relay's compiler and store against a gateway.

The compiler is 118 MB, hence `long`.
"""

import os
import subprocess

import pytest

from cache.memory import MemoryCache
from tests.e2e.processes import ROOT
from tests.e2e.programs import started
from tests.gateway.cached_queries import check_cached_queries
from tests.gateway.fixture_types import BuildTicker, ReadyGateway
from tests.gateway.generated_client import check_generated_client, next_line, write_first_rates
from tests.gateway.test_keys import Serve, keyed
from tests.gateway.test_spent_clients import spent

__all__ = ["keyed"]

RELAY = ROOT / "tests" / "relay"
ENV = {"PATH": f"{RELAY / 'node_modules' / '.bin'}:{os.environ['PATH']}"}

pytestmark = [pytest.mark.servers, pytest.mark.long]


@pytest.fixture(scope="module", autouse=True)
def compiled() -> None:
    """The operations, compiled."""
    for folder in ("generated", "generated/persisted", "generated/manifest"):
        (RELAY / folder).mkdir(exist_ok=True)
    # The compiler adds to a manifest, and demands one.
    (RELAY / "generated" / "manifest" / "relay.json").write_text("{}")
    for configured in ("relay.config.json", "relay.persisted.config.json"):
        subprocess.run(
            ["relay-compiler", configured], cwd=RELAY, env={**os.environ, **ENV}, check=True, timeout=120
        )


async def test_a_compiled_client_queries_pages_and_subscribes(
    ready_gateway: ReadyGateway, cache: MemoryCache, ticker: BuildTicker
) -> None:
    """Its store appends each page to the connection."""
    await write_first_rates(cache, ticker)
    async with (
        ready_gateway() as served,
        started("node", "program.js", f"{served.http}/graphql", cwd=RELAY, env=ENV) as program,
    ):
        await check_generated_client(program, cache, ticker)


async def test_live_queries_update_the_cached_queries_of_the_store(
    ready_gateway: ReadyGateway, cache: MemoryCache, ticker: BuildTicker
) -> None:
    """As in the caches of `test_client_caches`."""
    await cache.write([ticker(price="1", sequence=1)])
    async with (
        ready_gateway() as served,
        started("node", "cache.js", f"{served.http}/graphql", cwd=RELAY, env=ENV) as program,
    ):
        await check_cached_queries(lambda: next_line(program), cache, ticker)


async def test_a_compiled_client_names_its_documents_and_has_a_key(keyed: Serve) -> None:
    """By the identifiers of its manifest. Relay's own error has that of a spent budget."""
    folder = RELAY / "generated" / "manifest"
    async with spent(keyed, trusted_documents="prefer", trusted_documents_folder=folder) as (gateway, key):
        url = f"{gateway.served.http}/graphql"
        command = ("node", "keyed.js", url, gateway.create().text, key)
        async with started(*command, cwd=RELAY, env=ENV) as program:
            query, event, refused = [await next_line(program) for _ in range(3)]
    assert query["text"] is None
    assert len(query["prices"]) == 1
    assert event == {"kind": "SNAPSHOT"}
    assert refused["code"] == "BUDGET_EXHAUSTED"
    assert "try again in" in refused["message"]
