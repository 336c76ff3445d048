"""Walks through the steps of one source: fault on, seen, fault off, well again."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field

from drill.health import HealthBook, Seen
from drill.plan import UNDISTURBED_S, Step, View
from drill.reader import Reader
from simulator.faults.client import FaultClient
from simulator.faults.kinds import kinds_of

STARTED_WITHIN_S = 30.0
# What is unusual for a symbol is known from experience: feeds are given a little of it.
WARM_UP_S = 6.0


@dataclass
class Outcome:
    """What a step came to. Times in seconds; `noticed_s` None where there was nothing to notice, or nothing noticed it."""

    source: str
    step: str
    expected: str
    noticed_s: float | None = None
    state: str = ""
    reason: str | None = None
    recovered_s: float | None = None
    misses: list[str] = field(default_factory=list)

    def status(self) -> dict[str, object]:
        """For JSON."""
        return asdict(self)


@dataclass(frozen=True)
class Walk:
    """The way through one source. `symbol_of`: our name of the victim at a source."""

    book: HealthBook
    reader: Reader
    faults: FaultClient
    symbol_of: Callable[[str], str]
    done: Callable[[Outcome], None]

    async def go(self, steps: list[Step]) -> None:
        """All steps, one after the other."""
        source = steps[0].source
        await self._well(source, STARTED_WITHIN_S)
        await asyncio.sleep(WARM_UP_S)
        for step in steps:
            outcome = Outcome(source, step.name, step.expected.said)
            await self._take(step, outcome)
            self.done(outcome)

    async def _take(self, step: Step, outcome: Outcome) -> None:
        before = len(self.reader.misses)
        away, back = asyncio.Event(), asyncio.Event()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self.reader.leave_and_resume(step.source.upper(), away, back))
            first = await self.book.next(step.source)
            await self._put(step)
            away.set()
            started = time.monotonic()
            if step.expected.sight is None:
                await self._undisturbed(step, outcome)
            else:
                await self._noticed(step, first, outcome, started)
            await self.faults.heal(source=step.source)
            healed = time.monotonic()
            well = await self._well(step.source, step.expected.well_within_s)
            back.set()
            if well is None:
                last = await self.book.next(step.source)
                outcome.misses.append(f"not well within {step.expected.well_within_s:g} s: {last}")
            else:
                outcome.recovered_s = well.at - healed
        outcome.misses += self.reader.misses[before:]

    async def _put(self, step: Step) -> None:
        symbols = [self.symbol_of(step.source)] if step.expected.on_victim else []
        await self.faults.put(step.source, step.fault, symbols=symbols, parameters=step.expected.parameters)
        if step.expected.with_cut and "disconnect" in kinds_of(step.source):
            # A refusal is for who comes: those who are there must come again.
            await self.faults.put(step.source, "disconnect")

    async def _noticed(self, step: Step, first: Seen, outcome: Outcome, started: float) -> None:
        assert step.expected.sight is not None
        now = first
        while now.at - started < step.expected.within_s:
            now = await self.book.next(step.source)
            view = View(step.source, self.symbol_of(step.source), first, now, self.reader)
            if step.expected.sight(view):
                outcome.noticed_s = now.at - started
                outcome.state, outcome.reason = now.state, now.reason
                return
        outcome.state, outcome.reason = now.state, now.reason
        outcome.misses.append(f"expected {step.expected.said} within {step.expected.within_s:g} s")

    async def _undisturbed(self, step: Step, outcome: Outcome) -> None:
        last_s = step.expected.within_s if step.fault == "shutdown" else UNDISTURBED_S
        end = time.monotonic() + last_s
        while (now := await self.book.next(step.source)).at < end:
            outcome.state, outcome.reason = now.state, now.reason
            if not step.expected.stays(now) and not outcome.misses:
                outcome.misses.append(f"expected it {step.expected.said}, seen {now}")

    async def _well(self, source: str, within_s: float) -> Seen | None:
        """Well again is: UP, everything fresh, and every rate observed anew since now."""
        begun, end = time.time(), time.monotonic() + within_s
        while (now := await self.book.next(source)).at < end:
            if now.is_well and self.reader.observed_since(source.upper(), begun) >= now.tracked:
                return now
        return None
