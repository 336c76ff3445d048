"""Runs the steps of a source: inject the fault, await its effect, heal it, await recovery."""

import asyncio
import time
from collections.abc import Callable, Iterable
from contextlib import AsyncExitStack
from dataclasses import asdict, dataclass, field
from math import inf

from drill.conditions import StepObservations
from drill.health_monitor import ObservedHealth
from drill.identity_clash import MergedAnswers
from drill.minute_truth import FaultSpan
from drill.plan import OTHER_ASSET, REDIS_FAILOVER, DrillStep
from drill.process_faults import PROCESS_FAULTS
from drill.system import SystemUnderTest
from instruments.identity.identity_records import IdentityRecords
from rates.clock import utc_now
from simulator.faults.kinds import kinds_of

STARTED_WITHIN_S = 30.0


@dataclass
class StepOutcome:
    """The result of a step, with times in seconds.

    `noticed_s` is None if there was no effect to notice, or none was noticed.
    `felt`: the number of messages, calls or connections affected. `meanwhile`: steps of other sources in the same system at that
    time.
    """

    source: str
    step: str
    expected: str
    noticed_s: float | None = None
    state: str = ""
    reason: str | None = None
    recovered_s: float | None = None
    took_s: float = 0.0
    felt: int = 0
    misses: list[str] = field(default_factory=list)
    meanwhile: list[str] = field(default_factory=list)

    def status(self) -> dict[str, object]:
        """The outcome as JSON values."""
        return asdict(self)


@dataclass(frozen=True)
class FaultRun:
    """The fault runs of all sources of one system, side by side."""

    system: SystemUnderTest
    done: Callable[[StepOutcome], None]
    in_progress: dict[str, StepOutcome] = field(default_factory=dict)
    faults: list[FaultSpan] = field(default_factory=list)
    """The times of all faults so far."""

    async def run_steps(self, source: str, steps: Iterable[DrillStep]) -> None:
        """Run all steps of a source, one after the other."""
        if await self._await_recovery(source, STARTED_WITHIN_S) is None:
            self.system.subscriber.miss(f"{source}: not healthy {STARTED_WITHIN_S:g} s after the start")
        begun = time.monotonic()
        for step in steps:
            await asyncio.sleep(begun + step.expected.warm_up_s - time.monotonic())
            outcome = self._begin(step)
            started = time.monotonic()
            await self._take(step, outcome)
            outcome.took_s = time.monotonic() - started
            del self.in_progress[source]
            self.done(outcome)

    def unfinished(self) -> list[str]:
        """The steps in progress."""
        return [f"{outcome.source} {outcome.step}" for outcome in self.in_progress.values()]

    def _begin(self, step: DrillStep) -> StepOutcome:
        outcome = StepOutcome(step.source, step.name, step.expected.summary)
        for other in self.in_progress.values():
            outcome.meanwhile.append(f"{other.source} {other.step}")
            other.meanwhile.append(f"{outcome.source} {outcome.step}")
        self.in_progress[step.source] = outcome
        return outcome

    async def _take(self, step: DrillStep, outcome: StepOutcome) -> None:
        before = len(self.system.subscriber.misses)
        away, back = asyncio.Event(), asyncio.Event()
        process = AsyncExitStack()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self.system.subscriber.disconnect_and_resume(step.source.upper(), away, back))
            first = await self.system.health.next(step.source)
            span = FaultSpan(source=step.source, fault=step.name, began_at=time.time(), healed_at=inf)
            self.faults.append(span)
            await self._inject(step, process)
            away.set()
            started = time.monotonic()
            if step.expected.condition is None:
                await self._watch_undisturbed(step, outcome)
            elif step.fault == OTHER_ASSET:
                await self._watch_clash(step, first, outcome, started)
            else:
                await self._await_effect(step, first, outcome, started)
            faults = await self.system.faults.heal(source=step.source)
            await process.aclose()
            healed, span["healed_at"] = time.monotonic(), time.time()
            if step.fault == OTHER_ASSET:
                await self._resolve_clash(step)
            outcome.felt = sum(fault["hits"] for fault in faults)
            if step.is_undisturbed and step.expected.must_hit and not outcome.felt:
                outcome.misses.append("the fault affected nothing")
            well = await self._await_recovery(step.source, step.expected.recovers_within_s)
            back.set()
            if well is None:
                last = await self.system.health.next(step.source)
                outcome.misses.append(f"not healthy within {step.expected.recovers_within_s:g} s: {last}")
            else:
                outcome.recovered_s = well.at - healed
        outcome.misses += self.system.subscriber.misses[before:]

    async def _inject(self, step: DrillStep, process: AsyncExitStack) -> None:
        if step.fault == REDIS_FAILOVER:
            assert self.system.redis is not None, "planned only where there is a Redis server"
            await self.system.redis.wait_until_replicated()
            await self.system.redis.fail_over()
        elif step.fault in PROCESS_FAULTS:
            await process.enter_async_context(
                PROCESS_FAULTS[step.fault](step.source, self.system.subscriber.miss)
            )
        else:
            symbols = [self.system.victims[step.source]] if step.expected.on_victim else []
            await self.system.faults.inject(
                step.source, step.fault, symbols=symbols, parameters=step.expected.parameters
            )
        if step.expected.reconnects_first and "disconnect" in kinds_of(step.source):
            # A refusal affects new connections only, so open ones are closed.
            await self.system.faults.inject(step.source, "disconnect")

    async def _await_effect(
        self, step: DrillStep, first: ObservedHealth, outcome: StepOutcome, started: float
    ) -> None:
        assert step.expected.condition is not None
        now = first
        while now.at - started < step.expected.within_s:
            now = await self.system.health.next(step.source)
            observed = StepObservations(
                step.source, self.system.victims[step.source], first, now, self.system.subscriber
            )
            if step.expected.condition(observed):
                outcome.noticed_s = now.at - started
                outcome.state, outcome.reason = now.state, now.reason
                return
        outcome.state, outcome.reason = now.state, now.reason
        outcome.misses.append(f"expected {step.expected.summary} within {step.expected.within_s:g} s")

    async def _watch_clash(
        self, step: DrillStep, first: ObservedHealth, outcome: StepOutcome, started: float
    ) -> None:
        """Await the suspicion, and judge merged answers before and after it."""
        system = self.system
        answers = MergedAnswers(
            system.subscriber.url, step.source, system.victims[step.source], system.subscriber.miss
        )
        async with asyncio.TaskGroup() as tasks:
            watching = tasks.create_task(answers.watch())
            await self._await_effect(step, first, outcome, started)
            await answers.check_suspected()
            watching.cancel()
        if not answers.judged:
            outcome.misses.append("no merged answer was judged")

    async def _resolve_clash(self, step: DrillStep) -> None:
        """Confirm the suspected instruments, as an operator does once the sources agree."""
        store = self.system.instruments
        for one in await store.read():
            if one.suspicion is not None and str(one.symbol) == self.system.victims[step.source]:
                await IdentityRecords(store).confirm(one.source, one.symbol, now=utc_now())

    async def _watch_undisturbed(self, step: DrillStep, outcome: StepOutcome) -> None:
        end, now = time.monotonic() + step.expected.duration_s, None
        while now is None or now.at < end:
            now = await self.system.health.next(step.source)
            outcome.state, outcome.reason = now.state, now.reason
            if not step.expected.invariant(now) and not outcome.misses:
                outcome.misses.append(f"expected {step.expected.summary}, seen {now}")

    async def _await_recovery(self, source: str, within_s: float) -> ObservedHealth | None:
        """Wait until the source is UP, everything is fresh, and every rate was observed after now."""
        begun, end = time.time(), time.monotonic() + within_s
        while (now := await self.system.health.next(source)).at < end:
            if now.is_healthy and self.system.subscriber.observed_since(source.upper(), begun) >= now.tracked:
                return now
        return None
