"""All sources, configured from the environment. Nothing is listed here: a member of `Source` names its folder."""

from collections.abc import Callable
from functools import partial
from importlib import import_module
from typing import Any

from pipeline.sources.parts import SourceFolder, SourceParts
from rates.source import Source
from runtime.settings import load_settings


def folder_of(source: Source) -> SourceFolder[Any]:
    """The source's own description of itself, `pipeline/sources/<name>/parts.py`."""
    folder = import_module(f"pipeline.sources.{source.value}.parts").FOLDER
    assert isinstance(folder, SourceFolder)
    return folder


def build(source: Source, **chosen: Any) -> SourceParts:
    """One source's parts; `chosen` settings come before the environment's.

    Raises:
        InvalidSetting: a setting cannot be used.
    """
    folder = folder_of(source)
    return folder.build(load_settings(folder.settings, **chosen))


SOURCES: dict[Source, Callable[[], SourceParts]] = {source: partial(build, source) for source in Source}
