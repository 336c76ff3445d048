"""Trades are taken once, and their numbers prove that none is missing."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from history.trade_chain import MAX_AWAITED, Continuity, TradeChain
from tests.history.trades import at, trade


def test_following_numbers_prove_that_none_is_missing() -> None:
    """One that sums up three has three numbers."""
    chain = TradeChain()
    assert chain.take(trade(7, 0)) is Continuity.FIRST
    assert chain.take(trade(8, 1)) is Continuity.NEXT
    assert chain.take(trade(11, 2, count=3)) is Continuity.NEXT
    assert chain.holes == []


def test_a_missing_number_is_a_hole_until_it_comes() -> None:
    """Between the times of the trades around it."""
    chain = TradeChain()
    chain.take(trade(1, 0))
    assert chain.take(trade(4, 5)) is Continuity.SKIPPED
    assert [(hole.since, hole.until, hole.count) for hole in chain.holes] == [(at(0), at(5), 2)]
    assert [chain.take(trade(number, 2)) for number in (3, 3, 2)] == [
        Continuity.LATE,
        Continuity.REPEATED,
        Continuity.LATE,
    ]
    assert chain.holes == []


def test_a_chain_goes_on_after_that_of_an_earlier_process() -> None:
    """Its trades are repetitions, and the next number has none before it."""
    chain = TradeChain(5, at(0))
    assert [chain.take(trade(number, 0)) for number in (4, 5, 6)] == [
        Continuity.REPEATED,
        Continuity.REPEATED,
        Continuity.NEXT,
    ]


def test_a_source_that_counts_anew_begins_a_new_chain() -> None:
    """A lower number at a later time is no repetition."""
    chain = TradeChain()
    chain.take(trade(1_000_000, 0))
    assert chain.take(trade(1, 10)) is Continuity.RESTARTED
    assert chain.take(trade(2, 11)) is Continuity.NEXT


def test_a_jump_of_millions_costs_no_memory() -> None:
    """It is one hole, whose trades are not awaited."""
    chain = TradeChain()
    chain.take(trade(1, 0))
    chain.take(trade(10**9, 1))
    assert [hole.count for hole in chain.holes] == [10**9 - 2]
    assert len(chain._missing) <= MAX_AWAITED
    assert chain.take(trade(5, 0.5)) is Continuity.REPEATED


def test_ids_that_are_no_numbers_tell_repetitions_only() -> None:
    """Bybit's are random."""
    chain = TradeChain()
    found = [chain.take(trade(name, 0)) for name in ("b", "a", "b", "c")]
    assert found == [Continuity.FIRST, Continuity.NEXT, Continuity.REPEATED, Continuity.NEXT]


@pytest.mark.slow
@pytest.mark.parametrize("connections", [2, 3])
@given(data=st.data())
def test_redundant_connections_deliver_each_trade_once(connections: int, data: st.DataObject) -> None:
    """Each of them loses some trades and delivers the others in order."""
    numbers = range(1, data.draw(st.integers(2, 60)))
    queues = [[number for number in numbers if data.draw(st.integers(0, 5))] for _ in range(connections)]
    chain, taken = TradeChain(0, at(0)), list[int]()
    while any(queues):
        number = data.draw(st.sampled_from([queue for queue in queues if queue])).pop(0)
        if chain.take(trade(number, 0)) is not Continuity.REPEATED:
            taken.append(number)
    assert sorted(taken) == sorted(set(taken))
    missing = sum(hole.count for hole in chain.holes)
    highest = max(taken, default=0)
    assert len(taken) + missing == highest
