"""Clients that code generators make of the schema compile, and run against a gateway.

`tests/generators` has the operations, the configurations and a program for each generator.
"""

import os
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from cache.memory import MemoryCache
from tests.e2e.processes import ROOT
from tests.e2e.programs import output_of, started
from tests.gateway.fixture_types import BuildTicker, ReadyGateway
from tests.gateway.generated_client import check_generated_client, write_first_rates

GENERATORS = ROOT / "tests" / "generators"
PYTHON = str(ROOT / ".venv-generators" / "bin" / "python")
NODE_BIN = GENERATORS / "node_modules" / ".bin"
ENV = {"PATH": f"{ROOT / '.venv-generators' / 'bin'}:{NODE_BIN}:{os.environ['PATH']}"}

pytestmark = [pytest.mark.servers, pytest.mark.long]


async def run(*command: str) -> str:
    """Return the output of a command in the folder of the generators."""
    return await output_of(*command, cwd=GENERATORS, env=ENV)


async def generate_preset(_url: str) -> None:
    await run("graphql-codegen", "--config", "preset/codegen.ts")
    await run("tsc", "--project", "preset")


async def generate_ariadne(_url: str) -> None:
    (GENERATORS / "generated").mkdir(exist_ok=True)
    await run("ariadne-codegen", "--config", "ariadne.toml", "client")


async def generate_sgqlc(url: str) -> None:
    """Generate from introspection.

    With `--schema`, sgqlc would demand each argument that has a default.
    """
    (GENERATORS / "generated").mkdir(exist_ok=True)
    await run(PYTHON, "-m", "sgqlc.introspection", url, "generated/introspection.json")
    await run("sgqlc-codegen", "schema", "generated/introspection.json", "generated/rates_schema.py")
    operations = ("generated/rates_operations.py", "operations.graphql")
    await run("sgqlc-codegen", "operation", "rates_schema", *operations)


GENERATED: dict[str, tuple[Callable[[str], Awaitable[None]], tuple[str, ...]]] = {
    "graphql-codegen": (generate_preset, ("node", "build/preset/program.js")),
    "ariadne-codegen": (generate_ariadne, (PYTHON, "with_ariadne.py")),
    "sgqlc": (generate_sgqlc, (PYTHON, "with_sgqlc.py")),
}


@pytest.mark.parametrize("generator", GENERATED)
async def test_a_generated_client_queries_pages_and_subscribes(
    generator: str, ready_gateway: ReadyGateway, cache: MemoryCache, ticker: BuildTicker
) -> None:
    """With variables, input objects, enums and a name that Python reserves."""
    await write_first_rates(cache, ticker)
    generate, command = GENERATED[generator]
    async with ready_gateway() as served:
        url = f"{served.http}/graphql"
        await generate(url)
        async with started(*command, url, cwd=GENERATORS, env=ENV) as program:
            await check_generated_client(program, cache, ticker)


@pytest.mark.parametrize("change", [None, "an id that may be null"])
async def test_the_linter_of_graphql_has_no_findings(change: str | None, tmp_path: Path) -> None:
    """The recommended rules and those of Relay, with the exceptions of decision 49."""
    schema = (ROOT / "schema.graphql").read_text()
    if change:
        schema = schema.replace("  id: ID! @cost", "  id: ID @cost", 1)
    (tmp_path / "schema.graphql").write_text(schema)
    eslint = ("eslint", "--config", str(GENERATORS / "eslint.config.mjs"), "schema.graphql")
    async with started(
        *eslint, cwd=tmp_path, env={**ENV, "LINTED_SCHEMA": str(tmp_path / "schema.graphql")}
    ) as program:
        output, _ = await program.process.communicate()
    if change:
        assert b"strict-id-in-types" in output
    else:
        assert (output.decode(), program.process.returncode) == ("", 0)
