"""Every source is a folder of one anatomy, found by its name; what the folders must keep to is checked for all of them."""

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
    """The modules that a file names in its imports."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


def test_every_member_has_its_folder_and_every_folder_its_member() -> None:
    """The line in `rates/source.py` is what makes a folder a source."""
    assert sorted(source.value for source in Source) == FOLDERS


@pytest.mark.parametrize("source", Source)
def test_a_source_is_asked_or_pushes(source: Source) -> None:
    """With its settings at their defaults it can be built, knows itself, and has a way to get rates."""
    parts = build_adapter(source)
    assert parts.source is source
    assert parts.open_fetcher or parts.build_feed


@pytest.mark.parametrize("source", Source)
def test_its_settings_are_prefixed_with_its_name(source: Source) -> None:
    """So that nobody has to look up which variables are whose."""
    assert source_module(source).settings.model_config["env_prefix"] == f"RATEWIRE_{source.name}_"


@pytest.mark.parametrize("source", Source)
def test_what_api_users_are_told_about_it_is_a_sentence(source: Source) -> None:
    """Name, time to live and meaning stand in its one line."""
    assert source.ttl_s > 0
    assert source.meaning.endswith(".")


@pytest.mark.parametrize("name", FOLDERS)
def test_parsers_and_maps_are_there_and_pure(name: str) -> None:
    """No input, no output, no clock, no settings."""
    for file in PURE:
        used = {module.partition(".")[0] for module in imports(FOLDER / name / file)}
        assert not used & IMPURE, f"{name}/{file}"


@pytest.mark.parametrize("name", FOLDERS)
def test_no_source_knows_another(name: str) -> None:
    """What two of them need lives beside the folders, not in one of them."""
    others = tuple(f"pipeline.sources.{other}." for other in FOLDERS if other != name)
    for file in (FOLDER / name).rglob("*.py"):
        assert not [module for module in imports(file) if f"{module}.".startswith(others)], file
