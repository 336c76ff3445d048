"""Finds the adapters of all sources by name: each member of `Source` names its folder."""

from importlib import import_module
from typing import Any

from pipeline.sources.adapter import SourceAdapter, SourceModule
from rates.source import Source
from runtime.settings import load_settings


def source_module(source: Source) -> SourceModule[Any]:
    """Import a source's module description from `pipeline/sources/<name>/factory.py`."""
    module = import_module(f"pipeline.sources.{source.value}.factory").SOURCE_MODULE
    assert isinstance(module, SourceModule)
    return module


def build_adapter(source: Source, **overrides: Any) -> SourceAdapter:
    """Build one source's adapter with settings from the environment and `overrides`.

    Raises:
        InvalidSetting: a setting is invalid.
    """
    module = source_module(source)
    return module.build(load_settings(module.settings, **overrides))


def build_all_adapters() -> dict[Source, SourceAdapter]:
    """Build the adapters of all sources with settings from the environment.

    Raises:
        InvalidSetting: a setting is invalid.
    """
    return {source: build_adapter(source) for source in Source}
