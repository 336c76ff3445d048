"""Counts the objects that a test leaves to the garbage collector."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


class _Found:
    objects = 0


@contextmanager
def counting_garbage() -> Iterator[_Found]:
    """Count the objects in cycles that the block leaves."""
    gc.collect()
    gc.disable()
    found = _Found()
    try:
        yield found
        found.objects = gc.collect()
    finally:
        gc.enable()
