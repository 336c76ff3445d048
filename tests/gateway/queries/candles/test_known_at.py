"""`knownAt` answers what was answered then: a log of real answers, asked for again later.

Only the second that is forming is told to viewers without being stored.
"""

import random
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

import pytest

from gateway.queries.candles.query import CandlesQuery
from history.candle import Candle, CandleState
from history.coverage import WHOLE
from history.interval import Interval
from rates.source import Source
from tests.gateway.fastpath.test_candle_payloads import LENGTH_S, make_trades
from tests.gateway.subscriptions.candle_scenario import CandleScenario, open_scenario
from tests.lengths import at_length
from tests.pipeline.fakes import BTC

QUERIES = [
    CandlesQuery(BTC, interval, Source.BINANCE, last=10, zone=zone)
    for interval, zone in (
        (Interval.M1, "UTC"),
        (Interval.M5, "UTC"),
        (Interval.H1, "Asia/Kolkata"),
        (Interval.D1, "Europe/Berlin"),
    )
]


class Answered(NamedTuple):
    """A candle as it was answered: what `knownAt` has to repeat.

    `has_forming`: it had trades of a second that was not over.
    """

    open_time: datetime
    state: CandleState
    revision: int
    values: tuple[str, ...] | None
    coverage: str
    has_forming: bool

    @classmethod
    def of(cls, candle: Candle, *, has_forming: bool) -> "Answered":
        bar = candle.bar
        coverage = candle.coverage.value
        if bar is None and candle.coverage not in WHOLE:
            # Before its proof, a minute without trades has no row: UNKNOWN is said of it later, which is not more than PARTIAL.
            coverage = "UNKNOWN"
        return cls(
            candle.open_time,
            candle.state,
            candle.revision,
            None
            if bar is None
            else tuple(
                map(str, (bar.open, bar.high, bar.low, bar.close, bar.volume, bar.quote_volume, bar.trades))
            ),
            coverage,
            has_forming,
        )


async def answer(scenario: CandleScenario, query: CandlesQuery) -> list[Answered]:
    """Return what the gateway answers at this moment."""
    found = await scenario.gateway.candles._read_list(query, scenario.clock())
    series = scenario.gateway.bars.sources[Source.BINANCE].find(BTC)
    forming = None if series.forming is None or query.known_at is not None else series.forming.open_time
    return [
        Answered.of(
            one.candle,
            has_forming=forming is not None and one.candle.open_time <= forming < one.candle.close_time,
        )
        for one in found.items
    ]


def compare(then: Sequence[Answered], again: Sequence[Answered]) -> int:
    """Compare two answers. Returns the number of candles that were compared in full."""
    assert [one.open_time for one in then] == [one.open_time for one in again]
    count = 0
    for before, after in zip(then, again, strict=True):
        assert (before.state, before.revision) == (after.state, after.revision)
        if not before.has_forming:
            assert before == after
            count += 1
    return count


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(at_length(2)))
async def test_known_at_answers_what_was_answered_then(tmp_path: Path, seed: int) -> None:
    """While late trades correct candles, proofs come, and a recorder is at times behind."""
    chance = random.Random(seed)
    log: list[tuple[datetime, CandlesQuery, list[Answered]]] = []
    async with open_scenario(tmp_path) as scenario:
        scenario.turns = 60
        scenario.expect_late(make_trades(chance))
        # Before anything is stored, the gateway does not know of the instrument.
        while not await answer(scenario, QUERIES[0]):
            await scenario.run(scenario.seconds + 1)
        while scenario.seconds < LENGTH_S:
            await scenario.run(scenario.seconds + chance.uniform(0.1, 9), records=chance.random() < 0.7)
            log += [(scenario.clock(), query, await answer(scenario, query)) for query in QUERIES]
        await scenario.record()
        compared = 0
        for at, query, then in log:
            compared += compare(then, await answer(scenario, query._replace(known_at=at)))
    assert compared > len(log) / 2
