"""A turn of the loop flushes for a limited time, and clients take turns."""

import asyncio
from dataclasses import dataclass
from math import ceil

import pytest

from gateway.subscriptions import flush
from gateway.subscriptions.flush import (
    PATIENCE_S,
    SHORT_CYCLE_S,
    TURN_S,
    FlushCycle,
    FlushScheduler,
    Publications,
)
from tests.virtual_time import VirtualTimeLoop, run_virtually


class Core:
    """A core whose time passes as a test says, with a log of what was flushed."""

    def __init__(self) -> None:
        self.spent_s = 0.0
        self.log: list[str] = []
        self.cycles: list[int] = []
        self.publications = Publications()
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualTimeLoop)
        self.scheduler = FlushScheduler(
            loop.clock, self.publications, now_s=lambda: self.spent_s, cpu_s=lambda: self.spent_s
        )

    async def turn(self) -> str:
        """Return the names that the next turn flushes."""
        before = len(self.log)
        await asyncio.sleep(0)
        return " ".join(self.log[before:])


@dataclass(eq=False)
class Cohort:
    """Takes a share of a turn, and its consumers another one."""

    core: Core
    name: str
    first: str
    last: str
    share: float = 0.5
    consuming: float = 0.0

    @property
    def clients(self) -> tuple[object, object]:
        return self.first, self.last

    def flush(self, cycle: FlushCycle) -> float:
        self.core.log.append(self.name)
        self.core.cycles.append(cycle.number)
        self.core.spent_s += self.share * TURN_S
        return self.consuming * TURN_S


@pytest.fixture
def long_cycles(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every cycle of several turns is a long one."""
    monkeypatch.setattr(flush, "SHORT_CYCLE_S", 0.0)


def test_a_short_cycle_is_flushed_in_order() -> None:
    """In several turns, for which the mirror waits. What becomes dirty then comes afterwards."""

    async def main() -> None:
        core = Core()
        for number in range(4):
            core.scheduler.schedule(Cohort(core, f"a{number}", "a", "a"))
        assert await core.turn() == "a0 a1"
        core.scheduler.schedule(Cohort(core, "b0", "b", "b"))
        flushing = core.scheduler.is_flushing()
        assert flushing
        assert await core.turn() == "a2 a3"
        assert await core.turn() == "b0"
        assert core.cycles == [1, 1, 1, 1, 2]

    run_virtually(main())


@pytest.mark.usefixtures("long_cycles")
def test_what_is_left_after_a_turn_is_flushed_in_the_next_ones() -> None:
    """In order, and in one cycle. A client that comes later does not wait for all of it."""

    async def main() -> None:
        core = Core()
        for number in range(6):
            core.scheduler.schedule(Cohort(core, f"a{number}", "a", "a"))
        assert await core.turn() == "a0 a1"
        core.scheduler.schedule(Cohort(core, "b0", "b", "b"))
        assert await core.turn() == "a2 a3"
        assert await core.turn() == "b0 a4"
        assert await core.turn() == "a5"
        assert set(core.cycles) == {1}
        core.scheduler.schedule(Cohort(core, "a6", "a", "a"))
        assert await core.turn() == "a6"
        assert core.cycles[-1] == 2

    run_virtually(main())


def test_a_cycle_ends_when_something_is_published() -> None:
    """Its cursor and its payloads are of the time before."""

    async def main() -> None:
        core = Core()
        for number in range(5):
            core.scheduler.schedule(Cohort(core, f"a{number}", "a", "a", share=2))
        await core.turn()
        await core.turn()
        core.publications.version += 1
        await core.turn()
        core.scheduler.schedule_due(Cohort(core, "due", "b", "b", share=2))
        await core.turn()
        await core.turn()
        await core.turn()
        assert core.cycles == [1, 1, 2, 3, 3, 3]

    run_virtually(main())


def test_what_comes_while_a_cycle_is_short_does_not_wait_until_a_long_one_ends() -> None:
    """A cycle may become long afterwards, and never end under load."""

    async def main() -> None:
        core = Core()
        turns = ceil(SHORT_CYCLE_S / TURN_S)
        for number in range(2 * turns):
            core.scheduler.schedule(Cohort(core, f"a{number}", "a", "a", share=1))
        await core.turn()
        core.scheduler.schedule(Cohort(core, "b0", "b", "b"))
        for number in range(turns + 2):
            await core.turn()
            core.scheduler.schedule(Cohort(core, f"later{number}", "a", "a", share=1))
        assert "b0" in core.log

    run_virtually(main())


@pytest.mark.usefixtures("long_cycles")
def test_clients_take_turns_and_nobody_starves() -> None:
    """Those with thousands of cohorts too, however many come with a single one."""

    async def main() -> None:
        core = Core()
        for number in range(4):
            core.scheduler.schedule(Cohort(core, f"a{number}", "a", "a", share=2))
            core.scheduler.schedule(Cohort(core, f"b{number}", "b", "b", share=2))
        flushed = []
        for number in range(12):
            flushed.append(await core.turn())
            core.scheduler.schedule(Cohort(core, f"c{number}", f"c{number}", f"c{number}", share=2))
        theirs = [name for name in flushed if name[0] in "ab"]
        assert set(theirs) >= {"a0", "b0", "a1", "b1", "a2"}
        assert sum(name.startswith("c") for name in flushed) >= 4

    run_virtually(main())


@pytest.mark.usefixtures("long_cycles")
def test_a_cohort_of_several_clients_waits_with_the_one_that_has_fewer() -> None:
    """A client with thousands of subscriptions does not delay those that it shares."""

    async def main() -> None:
        core = Core()
        for number in range(10):
            core.scheduler.schedule(Cohort(core, f"a{number}", "a", "a", share=2))
        await core.turn()
        core.scheduler.schedule(Cohort(core, "shared", "a", "b", share=2))
        assert "shared" in {await core.turn() for _ in range(3)}

    run_virtually(main())


def test_the_time_of_consumers_counts() -> None:
    """Their work on a payload follows in the same turn."""

    async def main() -> None:
        core = Core()
        for number in range(4):
            core.scheduler.schedule(Cohort(core, str(number), "a", "a", share=0.1, consuming=0.5))
        assert await core.turn() == "0 1"
        assert await core.turn() == "2 3"

    run_virtually(main())


@pytest.mark.usefixtures("long_cycles")
def test_the_mirror_waits_until_each_client_has_had_a_turn() -> None:
    """Not for the rest of one with many cohorts."""

    async def main() -> None:
        core = Core()
        for name in ["a0", "b0", "a1", "a2", "b1"]:
            core.scheduler.schedule(Cohort(core, name, name[0], name[0], share=2))
        flushing = []
        for _ in range(5):
            await core.turn()
            flushing.append(core.scheduler.is_flushing())
        assert core.log == ["a0", "b0", "b1", "a1", "a2"]
        # Until `a` has had its turn among those that wait.
        assert flushing == [True, True, True, False, False]

    run_virtually(main())


def test_the_mirror_does_not_wait_for_ever() -> None:
    """Beyond `PATIENCE_S` it goes on beside the cycle."""

    async def main() -> None:
        core = Core()
        for number in range(10):
            name = str(number)
            core.scheduler.schedule(Cohort(core, name, name, name, share=PATIENCE_S / TURN_S * 0.6))
        flushing = []
        for _ in range(3):
            await core.turn()
            flushing.append(core.scheduler.is_flushing())
        assert flushing == [True, False, False]

    run_virtually(main())
