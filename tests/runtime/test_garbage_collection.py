"""Collections of garbage look at few objects while clients are served."""

import asyncio
import gc
from collections.abc import Iterator

import pytest

from runtime.garbage_collection import EVERYTHING_EVERY_S, collecting_everything, tune_garbage_collector
from tests.virtual_time import run_virtually

MADE = 400_000
# Five times the youngest generation, and what it gets until a collection begins.
MOST = 60_000


@pytest.fixture(autouse=True)
def own_collector() -> Iterator[None]:
    thresholds = gc.get_threshold()
    yield
    gc.set_threshold(*thresholds)
    gc.unfreeze()


@pytest.mark.slow
def test_a_collection_of_young_objects_looks_at_few() -> None:
    """One of up to a million living objects took 124 ms, for which all clients waited."""
    looked_at: list[int] = []

    def note(phase: str, info: dict[str, int]) -> None:
        if phase == "start":
            young = range(min(info["generation"], 1) + 1)
            looked_at.append(sum(len(gc.get_objects(generation=each)) for each in young))
            assert info["generation"] < 2, "all objects were looked at"

    tune_garbage_collector()
    gc.callbacks.append(note)
    try:
        living: list[list[object]] = [[] for _ in range(MADE)]
    finally:
        gc.callbacks.remove(note)
    assert len(living) == MADE
    assert 0 < max(looked_at) < MOST


@pytest.mark.parametrize(
    ("made", "collections"), [(1_000, 3), (30_000, 0), (60_000, 1)], ids=["little", "much", "doubled"]
)
def test_everything_is_collected_now_and_then_if_it_is_little_or_has_doubled(
    made: int, collections: int
) -> None:
    """Else freed tuples are kept, thousands of each length: a push feed grew by 2.7 MiB an hour."""
    full = 0

    def note(phase: str, info: dict[str, int]) -> None:
        nonlocal full
        full += phase == "start" and info["generation"] == 2

    async def main() -> None:
        with collecting_everything(most_blocks=20_000):
            living: list[list[object]] = [[] for _ in range(made)]
            await asyncio.sleep(3.5 * EVERYTHING_EVERY_S)
        assert full == collections
        await asyncio.sleep(2 * EVERYTHING_EVERY_S)
        assert full == collections
        assert len(living) == made

    # Those of the interpreter do not count.
    gc.disable()
    gc.callbacks.append(note)
    try:
        run_virtually(main())
    finally:
        gc.callbacks.remove(note)
        gc.enable()
