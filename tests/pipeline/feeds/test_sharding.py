"""The assignment of instruments to connections."""

from hypothesis import given
from hypothesis import strategies as st

from instruments.instrument import Instrument
from pipeline.feeds.sharding import SPARE, Shards, shard_instruments
from tests.pipeline.fakes import instrument

ALL = [instrument(f"A{number}/USDT") for number in range(60)]


def test_3500_symbols_fit_11_connections_of_341() -> None:
    """As few as possible."""
    shares = shard_instruments([instrument(f"A{number}/USDT") for number in range(3500)], {}, 341)
    assert len(shares) == 11
    assert max(map(len, shares.values())) == 341


def test_other_instruments_are_not_moved() -> None:
    """One is removed and one is added: only these two change."""
    before = shard_instruments(ALL[:30], {}, 10)
    after = shard_instruments([*ALL[1:30], ALL[40]], before, 10)
    assert ALL[40] in after[1]
    assert {**after, 1: ()} == {**before, 1: ()}
    assert set(before[1]) - set(after[1]) == {ALL[0]}


def test_a_change_of_everything_needs_no_new_connection() -> None:
    """The existing ones take the new instruments."""
    assert shard_instruments(ALL[10:20], shard_instruments(ALL[:10], {}, 10), 10).keys() == {1}


def test_connections_are_closed_if_the_others_have_spare_room() -> None:
    """One instrument that comes and goes must not open and close connections."""
    three = shard_instruments(ALL[:30], {}, 10)
    twenty = [one for number, one in enumerate(ALL[:30]) if number % 3]
    assert len(shard_instruments(twenty, three, 10)) == 3
    assert len(shard_instruments(twenty[:18], three, 10)) == 2


@given(st.lists(st.sets(st.sampled_from(ALL)), min_size=1, max_size=8), st.integers(1, 12))
def test_each_instrument_is_on_exactly_one_connection(steps: list[set[Instrument]], capacity: int) -> None:
    """No connection is too full or empty, and no more are open than needed."""
    shares: Shards = {}
    for wanted in steps:
        shares = shard_instruments(sorted(wanted, key=str), shares, capacity)
        carried = [one for share in shares.values() for one in share]
        assert len(carried) == len(wanted)
        assert set(carried) == wanted
        assert all(0 < len(share) <= capacity for share in shares.values())
        assert len(shares) <= 1 or len(wanted) > (1 - SPARE) * capacity * (len(shares) - 1)
