"""The effects of a listing on the tracked instruments, and implausible listings."""

from datetime import timedelta

import msgspec
import pytest

from instruments.instrument import Halt, Instrument
from instruments.listed import InstrumentListing, ListedInstrument, TradingStatus
from instruments.listings import ListingState
from pipeline.listings.comparison import NOT_LISTED, find_anomaly, find_changes
from tests.pipeline.fakes import START, instrument

HOUR = timedelta(hours=1)
BTC, ETH = instrument("BTC/USDT"), instrument("ETH/USDT")
MANY = [instrument(f"A{number}/USDT") for number in range(20)]


def listed(one: Instrument, word: str = "TRADING") -> ListedInstrument:
    status = TradingStatus.TRADING if word == "TRADING" else TradingStatus.HALTED
    return ListedInstrument(
        one.source_symbol, one.symbol.base, one.symbol.quote, one.symbol.base, status, word
    )


def halted(one: Instrument, word: str = "BREAK") -> Instrument:
    return msgspec.structs.replace(one, halt=Halt(word, START - HOUR))


def test_a_halt_has_the_sources_word() -> None:
    """It begins now, because its true beginning is unknown."""
    assert find_changes([BTC, ETH], InstrumentListing([listed(BTC, "BREAK"), listed(ETH)]), START) == {
        BTC: Halt("BREAK", START)
    }


def test_a_missing_instrument_is_not_listed() -> None:
    """It was delisted, as far as the listing tells."""
    assert find_changes([BTC, ETH], InstrumentListing([listed(ETH)]), START) == {BTC: Halt(NOT_LISTED, START)}


def test_an_instrument_that_trades_again_is_not_halted() -> None:
    """Only that change is written."""
    assert find_changes([halted(BTC), ETH], InstrumentListing([listed(BTC), listed(ETH)]), START) == {
        halted(BTC): None
    }


def test_a_continued_halt_keeps_its_beginning() -> None:
    """The same status is no change; another one keeps the beginning."""
    assert find_changes([halted(BTC)], InstrumentListing([listed(BTC, "BREAK")]), START) == {}
    assert find_changes([halted(BTC)], InstrumentListing([]), START) == {
        halted(BTC): Halt(NOT_LISTED, START - HOUR)
    }


def test_an_empty_listing_is_implausible() -> None:
    """Even if nothing is tracked or nothing was read before."""
    assert find_anomaly([], InstrumentListing([]), None) == "expected instruments, saw none"


def test_a_listing_that_shrank_by_more_than_a_fifth_is_implausible() -> None:
    """Exactly four fifths of the last one are plausible."""
    last = ListingState(START, 100)
    entries = [listed(instrument(f"A{number}/USDT")) for number in range(80)]
    assert find_anomaly([], InstrumentListing(entries), last) is None
    doubt = find_anomaly([], InstrumentListing(entries[:79]), last)
    assert doubt == "expected about 100 instruments as at 2026-01-01T12:00+00:00, saw 79"


@pytest.mark.parametrize(("missing", "believed"), [(4, True), (5, False), (20, False)])
def test_a_listing_without_over_a_fifth_of_the_tracked_is_implausible(missing: int, believed: bool) -> None:
    """Even if it is long enough. The reason names some of them."""
    others = [listed(instrument(f"B{number}/USDT")) for number in range(100)]
    doubt = find_anomaly(MANY, InstrumentListing([*map(listed, MANY[missing:]), *others]), None)
    assert (doubt is None) == believed
    if doubt:
        assert f"{missing} missing: A0/USDT, A1/USDT" in doubt


def test_a_single_instrument_may_always_be_delisted() -> None:
    """Even if it is more than a fifth of the tracked ones; two are implausible."""
    others = [listed(instrument(f"B{number}/USDT")) for number in range(10)]
    assert find_anomaly([BTC], InstrumentListing(others), None) is None
    assert find_anomaly([BTC, ETH], InstrumentListing([listed(ETH), *others]), None) is None
    assert find_anomaly([BTC, ETH], InstrumentListing(others), None) is not None


def test_known_delistings_are_plausible() -> None:
    """The listing does not need to contain halted instruments."""
    gone = [halted(one, NOT_LISTED) for one in MANY[:10]]
    assert find_anomaly([*gone, *MANY[10:]], InstrumentListing([*map(listed, MANY[10:])]), None) is None


def test_a_halt_of_everything_is_plausible() -> None:
    """Exchanges halt all pairs for maintenance, and state it for each."""
    entries = [listed(one, "BREAK") for one in MANY]
    assert find_anomaly(MANY, InstrumentListing(entries), ListingState(START, 20)) is None
    assert len(find_changes(MANY, InstrumentListing(entries), START)) == 20


@pytest.mark.parametrize(
    ("skipped", "changed"), [([None], set()), (["BTCUSDT"], {ETH}), (["XRPUSDT"], {BTC, ETH})]
)
def test_an_instrument_whose_entry_may_be_unreadable_stays_as_it_is(
    skipped: list[str | None], changed: set[Instrument]
) -> None:
    """An entry without a readable name may be that of any instrument."""
    found = find_changes([BTC, ETH], InstrumentListing([listed(MANY[0])], skipped), START)
    assert found == dict.fromkeys(changed, Halt(NOT_LISTED, START))
    assert find_changes([halted(BTC)], InstrumentListing([listed(MANY[0])], ["BTCUSDT"]), START) == {}


def test_unreadable_entries_count_as_listed() -> None:
    """Otherwise a listing with some of them would look cut."""
    entries = [listed(one) for one in MANY[:16]]
    named = [one.source_symbol for one in MANY[16:]]
    assert find_anomaly(MANY, InstrumentListing(entries, named), ListingState(START, 25)) is None
    assert (
        find_anomaly(MANY, InstrumentListing(entries[:15], ["other"] * 5), ListingState(START, 20))
        is not None
    )
