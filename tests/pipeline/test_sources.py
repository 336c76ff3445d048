"""Every source is a folder with the same files, found by its name."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.sources.registry import build_adapter, source_module
from rates.source import Source

FOLDER = Path(__file__).resolve().parents[2] / "pipeline" / "sources"
FOLDERS = sorted(path.name for path in FOLDER.iterdir() if (path / "__init__.py").exists())
PURE = ("messages.py", "symbols.py", "tickers.py")
IMPURE = {"asyncio", "httpx", "websockets", "pydantic_settings", "structlog", "runtime", "time"}


def imports(file: Path) -> Iterator[str]:
    """Yield the modules that a file imports."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


def test_every_member_has_its_folder_and_every_folder_its_member() -> None:
    """The line in `rates/source.py` makes a folder a source."""
    assert sorted(source.value for source in Source) == FOLDERS


@pytest.mark.parametrize("source", Source)
def test_a_source_is_polled_or_has_a_push_feed(source: Source) -> None:
    """It can be built with default settings."""
    adapter = build_adapter(source)
    assert adapter.source is source
    assert adapter.open_fetcher or adapter.build_feed


@pytest.mark.parametrize("source", Source)
def test_its_settings_are_prefixed_with_its_name(source: Source) -> None:
    """So that the variables of a source are obvious."""
    assert source_module(source).settings.model_config["env_prefix"] == f"RATEWIRE_{source.name}_"


@pytest.mark.parametrize("source", Source)
def test_its_description_for_api_users_is_a_sentence(source: Source) -> None:
    """Its line has name, time to live and meaning."""
    assert source.ttl_s > 0
    assert source.meaning.endswith(".")


@pytest.mark.parametrize("name", FOLDERS)
def test_parsers_and_symbol_maps_are_pure(name: str) -> None:
    """No input or output, no clock, no settings."""
    for file in PURE:
        used = {module.partition(".")[0] for module in imports(FOLDER / name / file)}
        assert not used & IMPURE, f"{name}/{file}"


@pytest.mark.parametrize("name", FOLDERS)
def test_no_source_knows_another(name: str) -> None:
    """Shared code is beside the folders."""
    others = tuple(f"pipeline.sources.{other}." for other in FOLDERS if other != name)
    for file in (FOLDER / name).rglob("*.py"):
        assert not [module for module in imports(file) if f"{module}.".startswith(others)], file
