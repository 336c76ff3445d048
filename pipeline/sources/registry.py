"""All sources, configured from the environment. Nothing is listed here: a member of `Source` names its folder."""

from collections.abc import Callable
from functools import partial
from importlib import import_module
from typing import Any

from pipeline.sources.adapter import SourceAdapter, SourceModule
from rates.source import Source
from runtime.settings import load_settings


def source_module(source: Source) -> SourceModule[Any]:
    """The source's own description of itself, `pipeline/sources/<name>/factory.py`."""
    folder = import_module(f"pipeline.sources.{source.value}.factory").SOURCE_MODULE
    assert isinstance(folder, SourceModule)
    return folder


def build(source: Source, **chosen: Any) -> SourceAdapter:
    """One source's parts; `chosen` settings come before the environment's.

    Raises:
        InvalidSetting: a setting cannot be used.
    """
    folder = source_module(source)
    return folder.build(load_settings(folder.settings, **chosen))


SOURCES: dict[Source, Callable[[], SourceAdapter]] = {source: partial(build, source) for source in Source}
