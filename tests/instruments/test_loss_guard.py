"""Implausible losses: which ones, for how long, and what ends them."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from structlog.testing import capture_logs

from instruments.instrument import Instrument, Removal
from instruments.loss_guard import Instruments, LossGuard, by_key, find_implausible, find_lost
from instruments.seed import read_seed
from rates.source import Source
from rates.symbol import Symbol

NOON = datetime(2026, 11, 29, 12, tzinfo=UTC)
SEED = by_key(read_seed())
OKX = [each for each in SEED.values() if each.source is Source.OKX]
NEW = Instrument(Source.KRAKEN, Symbol("NEW", "USD"), "NEW/USD", "New")


class Guarded:
    """A guard, and what the process goes on with."""

    def __init__(self, known: Instruments = SEED, *, hold_s: float = 3600) -> None:
        self.guard = LossGuard(hold_s=hold_s)
        self.known: Instruments = {}
        self.now_s = 0.0
        self.read(known)

    def read(self, found: Instruments, removed: Iterable[Removal] = ()) -> Instruments:
        """Judge what the table holds now."""
        now = NOON + timedelta(seconds=self.now_s)
        self.known = self.guard.judge(self.known, found, set(removed), now=now, monotonic_s=self.now_s)
        return self.known


def without(lost: Iterable[Instrument], known: Instruments = SEED) -> Instruments:
    removed = {each.removal for each in lost}
    return {key: each for key, each in known.items() if each.removal not in removed}


def changed(source: Source, **fields: object) -> Instruments:
    """The seed after an UPDATE of all rows of a source."""
    return by_key(
        msgspec.structs.replace(each, **fields) if each.source is source else each for each in SEED.values()
    )


def test_an_empty_table_is_normal_where_nothing_is_known() -> None:
    """A first start; what is added then counts as known."""
    process = Guarded({})
    assert process.read({}) == {}
    assert process.read(SEED) == SEED
    assert not process.guard.held_back


def test_an_emptied_table_changes_nothing_and_is_said_once() -> None:
    """All are kept, in the log once, and each source says how many."""
    process = Guarded()
    with capture_logs() as logs:
        assert process.read({}) == SEED
        assert process.read({}) == SEED
    assert [each["event"] for each in logs] == [
        "tracked instruments are missing, keeping the last known ones"
    ]
    assert (logs[0]["missing"], logs[0]["of"]) == (len(SEED), len(SEED))
    assert process.guard.count == len(SEED)
    assert set(process.guard.held_back) == set(Source)
    count = len(OKX)
    assert process.guard.held_back[Source.OKX].startswith(
        f"{count} of {count} tracked instruments are missing in the database since 2026-11-29T12:00:00+00:00"
    )


def test_the_only_instrument_of_all_is_kept() -> None:
    """One may always be missing, unless nothing is left."""
    process = Guarded(by_key([NEW]))
    assert process.read({}) == by_key([NEW])


@pytest.mark.parametrize(
    ("lost", "is_held"), [(1, False), (12, False), (13, True), (len(OKX), True)], ids=str
)
def test_a_source_may_lose_a_fifth(lost: int, is_held: bool) -> None:
    """More is held back although it is a small part of the whole table."""
    assert len(OKX) // 5 == 12
    table = without(OKX[:lost])
    process = Guarded()
    assert process.read(table) == (SEED if is_held else table)
    assert set(process.guard.held_back) == ({Source.OKX} if is_held else set())


def test_the_whole_table_may_lose_a_fifth() -> None:
    """A little of each source is much together; at other shares as well."""
    known = by_key(
        Instrument(source, Symbol(f"A{n}", "USD"), f"A{n}", "A") for source in Source for n in range(5)
    )
    lost = [each for each in known.values() if each.symbol.base == "A0"]
    assert find_implausible(known, lost, 0.2) == []
    lost += [each for each in known.values() if each.symbol.base == "A1"][:1]
    assert find_implausible(known, lost, 0.2) == lost
    assert find_implausible(known, lost, 0.5) == []


def test_what_is_not_missing_goes_on_while_a_source_is_held_back() -> None:
    """New rows, halts and single removals of the other sources take effect."""
    process = Guarded()
    process.read(without(OKX))
    kraken = next(each for each in SEED.values() if each.source is Source.KRAKEN)
    table = without([*OKX, kraken]) | by_key([NEW])
    assert process.read(table) == without([kraken]) | by_key([NEW])
    assert process.guard.count == len(OKX)


def test_a_command_passes_at_once() -> None:
    """It may remove one, a source or everything, also of what is held back already."""
    process = Guarded()
    everything = [each.removal for each in SEED.values()]
    assert process.read(without(OKX), [each.removal for each in OKX]) == without(OKX)
    assert process.read({}, everything) == {}
    assert not process.guard.held_back
    process = Guarded()
    assert process.read(without(OKX)) == SEED
    assert process.read(without(OKX), [OKX[0].removal]) == without(OKX[:1])
    assert process.guard.count == len(OKX) - 1
    with capture_logs() as logs:
        assert process.read(without(OKX), [each.removal for each in OKX]) == without(OKX)
    assert [each["event"] for each in logs] == ["no tracked instruments are held back any more"]
    assert not process.guard.held_back


def test_a_removed_instrument_of_another_spelling_explains_nothing() -> None:
    """Its note is of what was tracked then."""
    process = Guarded()
    removed = [Removal(each.source, each.symbol, "other") for each in OKX]
    assert process.read(without(OKX), removed) == SEED


def test_each_row_that_returns_is_held_back_no_longer_and_the_others_stay() -> None:
    """Also the last few, which alone would be plausible."""
    process = Guarded()
    process.read(without(OKX))
    for left in (20, 5, 1):
        assert process.read(without(OKX[:left])) == SEED
        assert process.guard.count == left
        assert process.guard.held_back[Source.OKX].startswith(f"{left} of")
        assert "since 2026-11-29T12:00:00" in process.guard.held_back[Source.OKX]
    assert process.read(SEED) == SEED
    assert process.guard.count == 0


def test_the_table_is_accepted_after_the_set_time() -> None:
    """It starts anew when more is lost; fewer do not extend it."""
    process = Guarded(hold_s=100)
    process.read(without(OKX[:40]))
    process.now_s = 99
    assert process.read(without(OKX[:50])) == SEED
    process.now_s = 198
    assert process.read(without(OKX[:30])) == SEED
    process.now_s = 199
    with capture_logs() as logs:
        assert process.read(without(OKX[:30])) == without(OKX[:30])
    assert (logs[0]["given_up"], logs[0]["why"]) == (30, "held back for long enough")
    assert not process.guard.held_back
    # It counts as known: the rest of the source is judged by what is left.
    assert process.read(without(OKX)) == without(OKX[:30])


def test_no_time_means_no_guard() -> None:
    """Zero seconds: the table is taken as it is."""
    process = Guarded(hold_s=0)
    assert process.read({}) == {}
    assert not process.guard.held_back


@pytest.mark.parametrize("other", [Source.KRAKEN, Source.BYBIT])
def test_an_update_of_the_source_moves_nothing(other: Source) -> None:
    """The lost rows are kept, and those that came instead are not of another exchange."""
    table = without(OKX) | by_key(msgspec.structs.replace(each, source=other) for each in OKX)
    process = Guarded()
    assert process.read(table) == SEED
    # A row that comes later is no part of that change.
    later = by_key([msgspec.structs.replace(NEW, source=Source.BYBIT)])
    assert process.read({**table, **later}) == {**SEED, **later}
    assert process.read(SEED) == SEED


def test_an_update_of_the_quote_prices_nothing_in_another_currency() -> None:
    """BTCUSDT stays BTC/USDT."""
    table = without(OKX) | by_key(
        msgspec.structs.replace(each, symbol=Symbol(each.symbol.base, "USD")) for each in OKX
    )
    process = Guarded()
    assert process.read(table) == SEED
    assert process.read({}) == SEED


def test_an_update_of_the_source_symbol_relabels_nothing() -> None:
    """Every symbol would show the price of one coin."""
    process = Guarded()
    assert process.read(changed(Source.OKX, source_symbol="BTC-USDT")) == SEED
    assert process.guard.count == len(OKX) - 1
    respelled = [each.removal for each in OKX]
    table = changed(Source.OKX, source_symbol="BTC-USDT")
    assert process.read(table, respelled) == table, "a command did it"


def test_halts_and_names_are_no_loss() -> None:
    """Listings and people change them for all at once."""
    table = changed(Source.OKX, name="another")
    assert find_lost(SEED, table) == []
    assert Guarded().read(table) == table
