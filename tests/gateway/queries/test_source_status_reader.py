"""Counts of sources are cached for all readers, and equal a recount."""

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cache.source_rules import SourceStatus
from rates.age import age_at, within
from rates.source import Source
from tests.gateway.harness import TTL, Harness
from tests.gateway.scenario import TICK_S, Scenario, Step, step_lists
from tests.lengths import at_length
from tests.virtual_time import run_virtually


def recount(harness: Harness, source: Source) -> tuple[int, int, int]:
    """Count the tracked, seen and fresh instruments one by one."""
    now = harness.rates.now()
    tracked = [key for key in harness.catalog.tracked if key.source is source]
    seen = [ticker for key in tracked if (ticker := harness.mirror.read(key))]
    return (
        len(tracked),
        len(seen),
        sum(within(age_at(now, ticker.observed_at), TTL[source]) for ticker in seen),
    )


def counts(status: SourceStatus) -> tuple[int, int, int]:
    return status.tracked, status.seen, status.fresh


@pytest.mark.slow
@settings(max_examples=at_length(50), deadline=None)
@given(step_lists, st.lists(st.sampled_from([0.003, 0.107, 0.607, 3.001]), min_size=1))
def test_instruments_are_counted_as_they_are(steps: list[Step], pauses_s: list[float]) -> None:
    """For any writes, losses and tracking changes, and after time alone has passed."""

    async def main() -> None:
        play = Scenario()
        harness = play.replicas[0]
        for each in play.replicas:
            await each.refresh()
        mirrors = [asyncio.create_task(each.mirror.run()) for each in play.replicas]
        happening = asyncio.create_task(play.run(steps))
        ends_at = sum(step.ticks for step in steps) * TICK_S + 200
        number = 0
        while play.loop.time() < ends_at:
            pause_s = 7.003 if happening.done() else pauses_s[number % len(pauses_s)]
            # Small steps find the borders of freshness; hundreds of them find no other ones.
            await asyncio.sleep(pause_s if number < 200 else max(pause_s, 0.107))
            number += 1
            for status in harness.rates.sources():
                assert counts(status) == recount(harness, status.source)
        await happening
        for task in mirrors:
            task.cancel()
        await asyncio.wait(mirrors)

    run_virtually(main())
