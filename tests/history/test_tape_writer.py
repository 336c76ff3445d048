"""The tape tells each trade once, and says where others may be missing."""

from collections.abc import Sequence

import pytest

from history.coverage import GapReason
from history.tape_writer import TapeWriter, join_tape
from history.trade import Trade
from history.trade_fold import TradeFold
from history.trade_tape import TAPE_LENGTH, MemoryTradeTape, NewChunks
from rates.errors import CacheUnavailable
from rates.source import Source
from tests.history.trades import START, at, trade
from tests.pipeline.fakes import BTC

Told = list[tuple[int | str, bool]]


class BrittleTape(MemoryTradeTape):
    """A tape that can be away."""

    is_away = False

    async def append(self, source: Source, session: str, chunks: NewChunks) -> bool:
        if self.is_away:
            raise CacheUnavailable("away")
        return await super().append(source, session, chunks)

    async def told(self) -> Told:
        """Return the ids on the tape, and whether others may be missing before them."""
        return describe(await self.read(Source.BINANCE, BTC))


def describe(trades: Sequence[Trade]) -> Told:
    """Return ids, and whether others may be missing before them."""
    return [(one.id, one.after_gap) for one in trades]


def open_fold() -> TradeFold:
    """Return the fold of a new process."""
    return TradeFold(Source.BINANCE, "one", max_skew=at(1) - START)


def fold(one: TradeFold, *ids: int | str) -> None:
    """Fold trades with these ids, one a second."""
    one.fold(BTC, [trade(each, number) for number, each in enumerate(ids, 1)], at(len(ids)))


async def test_the_first_trade_of_all_may_follow_others() -> None:
    """Nothing proves that there was none before."""
    tape, process = BrittleTape(), open_fold()
    writer = TapeWriter(tape, Source.BINANCE, "one")
    fold(process, 1, 2)
    await writer.write(process.take_trades())
    fold(process, 3)
    await writer.write(process.take_trades())
    await writer.write(process.take_trades())
    assert await tape.told() == [(1, True), (2, False), (3, False)]


async def test_a_number_that_is_missing_is_told() -> None:
    """At once; if it comes late, it is told then."""
    process = open_fold()
    fold(process, 1, 2, 5, 3, 6)
    assert describe(process.take_trades()[BTC])[1:] == [(2, False), (5, True), (3, False), (6, False)]


@pytest.mark.parametrize(
    ("before", "after", "is_gap"), [((1, 2), (3, 4), False), ((1, 2), (4, 5), True), (("a",), ("b",), True)]
)
def test_only_numbers_prove_a_reconnect(
    before: tuple[int | str, ...], after: tuple[int | str, ...], is_gap: bool
) -> None:
    """Without them, trades may have been made meanwhile."""
    process = open_fold()
    fold(process, *before)
    process.take_trades()
    process.lose([BTC], GapReason.DISCONNECTED)
    fold(process, *before[-1:], *after)
    assert describe(process.take_trades()[BTC]) == [(after[0], is_gap), *((one, False) for one in after[1:])]


async def test_trades_that_could_not_be_written_are_missing() -> None:
    """The next one says so."""
    tape, process = BrittleTape(), open_fold()
    writer = TapeWriter(tape, Source.BINANCE, "one")
    fold(process, 1)
    await writer.write(process.take_trades())
    tape.is_away = True
    fold(process, 2)
    with pytest.raises(CacheUnavailable):
        await writer.write(process.take_trades())
    tape.is_away = False
    fold(process, 3)
    await writer.write(process.take_trades())
    fold(process, 4)
    await writer.write(process.take_trades())
    assert await tape.told() == [(1, True), (3, True), (4, False)]


async def test_more_trades_than_one_append_takes_leave_a_gap() -> None:
    """The newest are kept."""
    process = open_fold()
    fold(process, *range(1, TAPE_LENGTH + 11))
    told = describe(process.take_trades()[BTC])
    assert len(told) == TAPE_LENGTH
    assert told[0] == (11, True)
    assert not any(is_gap for _, is_gap in told[1:])


@pytest.mark.parametrize(
    ("taped", "own", "expected"),
    [
        # A standby has folded the same trades.
        (["a", "b"], ["a", "b", "c"], [("c", False)]),
        (["a", "b", "c"], ["b", "c"], []),
        # A process that has just started.
        (["a"], ["c"], [("c", True)]),
        ([1, 2], [3, 4], [(3, False), (4, False)]),
        ([1, 2], [4], [(4, True)]),
        ([7, 8], [3, 4], []),
        ([], [4, 5], [(4, True), (5, False)]),
        (["a"], [4], [(4, True)]),
    ],
)
def test_a_process_goes_on_where_another_one_stopped(
    taped: list[int | str], own: list[int | str], expected: Told
) -> None:
    """No trade is told twice, and what may be missing between is told."""
    joined = join_tape([trade(one, 1) for one in taped], [trade(one, 2) for one in own])
    assert describe(joined) == expected


def test_one_that_sums_up_several_follows_by_its_first_number() -> None:
    """As OKX does."""
    assert describe(join_tape([trade(5, 1)], [trade(9, 2, count=4)])) == [(9, False)]
    assert describe(join_tape([trade(5, 1)], [trade(9, 2, count=3)])) == [(9, True)]
