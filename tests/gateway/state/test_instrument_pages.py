"""Pages of instruments cover each of them once, in both directions, in every order."""

import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import cache
from itertools import product
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.state.instrument_pages import (
    DEFAULT_PAGE,
    MAX_PAGE,
    NAME_LENGTH,
    InstrumentPage,
    InstrumentPages,
    ListFilter,
    ListOrder,
    OrderDirection,
    OrderField,
    PageRequest,
)
from gateway.state.instrument_search import SearchQuery, SearchText, fold
from gateway.state.position import MAX_CURSOR_LENGTH, Cursor, StreamPosition, encode_opaque, format_cursor
from instruments.instrument import Halt, Instrument
from instruments.listed import TradingStatus
from instruments.seed import rank_assets
from rates.errors import InvalidArgument, InvalidCursor
from rates.source import Source
from rates.symbol import MAX_ASSET_LENGTH, Symbol, parse_symbol
from tests.lengths import at_length

HALT = Halt("BREAK", datetime(2026, 11, 22, tzinfo=UTC))
BASES = ["BTC", "BCH", "ETH", "AB", "ABC", "1INCH", "币安"]
QUOTES = ["USD", "USDT", "BTC"]
NAMES = ["Bitcoin", "bitcoin", "Bitcoin Cash", "ether", "\uff21bc", "", "x" * 100]
SEARCHES = ["btc", "usd", "b", "bitcoin", "btc usd", "usd btc", "cash", "b-t-c", "nothing", "%"]
SOURCES = [Source.BINANCE, Source.KRAKEN, Source.COINGECKO]

# Instruments with every combination of base, quote and source, thrice, and a choice of all else.
CHOICE = Random(14)
POOL = [
    Instrument(
        source,
        Symbol(base, quote),
        CHOICE.choice(["BTCUSDT", "bitcoin-cash", "XBT/USD"]),
        CHOICE.choice(NAMES),
        halt=CHOICE.choice([None, HALT]),
        base_asset=CHOICE.choice([None, "bitcoin", "bitcoin-cash", "ethereum", "nobody"]),
    )
    for source, base, quote in 3 * list(product(SOURCES, BASES, QUOTES))
]
sets = st.lists(st.sampled_from(POOL), max_size=30, unique_by=lambda each: (each.source, each.symbol))
filters = st.builds(
    ListFilter,
    source=st.none() | st.sampled_from(SOURCES),
    base=st.none() | st.sampled_from(["BTC", "ABC"]),
    quote=st.none() | st.sampled_from(QUOTES),
    status=st.none() | st.sampled_from(TradingStatus),
    search=st.none() | st.sampled_from(SEARCHES),
    base_asset=st.none() | st.just("bitcoin"),
)
orders = st.builds(ListOrder, st.sampled_from(OrderField), st.sampled_from(OrderDirection))
Key = tuple[Source, Symbol]


fold_texts = cache(SearchText.of)


def list_expected(found: Sequence[Instrument], wanted: ListFilter, order: ListOrder) -> list[Key]:
    """Return what matches, in order, by the shortest code."""
    query = None if wanted.search is None else SearchQuery(wanted.search)

    def rank(each: Instrument) -> int | None:
        return 0 if query is None else query.rank(fold_texts(each))

    matching = [
        each
        for each in found
        if wanted.source in {None, each.source}
        and wanted.base in {None, each.symbol.base}
        and wanted.quote in {None, each.symbol.quote}
        and wanted.base_asset in {None, each.base_asset}
        and wanted.status in {None, TradingStatus.HALTED if each.halt else TradingStatus.TRADING}
        and rank(each) is not None
    ]
    firsts: dict[OrderField, Callable[[Instrument], object]] = {
        OrderField.SYMBOL: lambda _: 0,
        OrderField.NAME: lambda each: fold(each.name)[:NAME_LENGTH],
        OrderField.SOURCE: lambda each: str(each.source),
        OrderField.RELEVANCE: lambda each: (rank(each), rank_assets().get(each.base_asset or "", 10_000)),
    }
    matching.sort(key=lambda each: (firsts[order.field](each), each.symbol, str(each.source)))
    return list(map(key_of, reversed(matching) if order.direction is OrderDirection.DESC else matching))


def key_of(instrument: Instrument) -> Key:
    return instrument.source, instrument.symbol


def keys_of(page: InstrumentPage) -> list[Key]:
    return list(map(key_of, page.instruments))


@pytest.mark.slow
@settings(max_examples=at_length(80), deadline=None)
@given(found=sets, wanted=filters, order=orders, size=st.integers(1, 7))
def test_paging_visits_each_match_once_forwards_and_backwards(
    found: list[Instrument], wanted: ListFilter, order: ListOrder, size: int
) -> None:
    """In the same order, with the right flags on every page."""
    pages = InstrumentPages(found)
    expected = list_expected(found, wanted, order)
    seen: list[Key] = []
    after = before = None
    while True:
        page = pages.read(wanted, PageRequest(first=size, after=after), order)
        assert (page.total, page.has_previous) == (len(expected), bool(seen))
        seen += keys_of(page)
        assert page.has_next == (len(seen) < len(expected))
        if not page.has_next:
            break
        after = page.cursors[-1]
    assert seen == expected
    seen = []
    while True:
        page = pages.read(wanted, PageRequest(last=size, before=before), order)
        assert (page.total, page.has_next) == (len(expected), bool(seen))
        seen = keys_of(page) + seen
        assert page.has_previous == (len(seen) < len(expected))
        if not page.has_previous:
            break
        before = page.cursors[0]
    assert seen == expected


@pytest.mark.slow
@settings(max_examples=at_length(60), deadline=None)
@given(
    steps=st.lists(sets, min_size=2, max_size=6),
    wanted=filters,
    order=orders,
    size=st.integers(1, 5),
    forwards=st.booleans(),
)
def test_changes_between_pages_hide_and_repeat_nothing(
    steps: list[list[Instrument]],
    wanted: ListFilter,
    order: ListOrder,
    size: int,
    forwards: bool,
) -> None:
    """An instrument that stays throughout is visited once, in order."""
    kept, others = steps[0], steps[1:]
    taken = {key_of(each) for each in kept}
    pages, cursor, number = InstrumentPages(), None, 0
    seen: list[Key] = []
    while True:
        added = [each for each in others[number % len(others)] if key_of(each) not in taken]
        # An instrument that is added under the key of an older one may differ from it in every other way.
        pages = InstrumentPages([*kept, *added], pages)
        asked = PageRequest(first=size, after=cursor) if forwards else PageRequest(last=size, before=cursor)
        page = pages.read(wanted, asked, order)
        seen = seen + keys_of(page) if forwards else keys_of(page) + seen
        if not (page.has_next if forwards else page.has_previous):
            break
        cursor = page.cursors[-1 if forwards else 0]
        number += 1
    expected = list_expected(kept, wanted, order)
    assert [key for key in seen if key in taken] == expected


@pytest.mark.slow
@settings(max_examples=at_length(80), deadline=None)
@given(data=st.data(), found=sets, wanted=filters, order=orders)
def test_a_page_between_two_cursors_is_as_relay_defines_it(
    data: st.DataObject, found: list[Instrument], wanted: ListFilter, order: ListOrder
) -> None:
    """Any two cursors, also crossed ones."""
    pages = InstrumentPages(found)
    whole = pages.read(wanted, PageRequest(first=MAX_PAGE), order)
    places = st.none() | st.integers(0, len(whole.cursors) - 1) if whole.cursors else st.none()
    after, before = data.draw(places, "after"), data.draw(places, "before")
    length, from_start = data.draw(st.integers(0, 9), "length"), data.draw(st.booleans(), "from start")
    asked = PageRequest(
        first=length if from_start else None,
        last=None if from_start else length,
        after=None if after is None else whole.cursors[after],
        before=None if before is None else whole.cursors[before],
    )
    page = pages.read(wanted, asked, order)
    edges = list(range(len(whole.cursors)))
    between = [
        each for each in edges if (after is None or each > after) and (before is None or each < before)
    ]
    chosen = between[:length] if from_start else between[max(0, len(between) - length) :]
    assert list(page.cursors) == [whole.cursors[each] for each in chosen]
    if chosen:
        assert page.has_previous == (chosen[0] > 0)
        assert page.has_next == (chosen[-1] < edges[-1])


def test_every_order_and_filter_has_cursors_of_its_own() -> None:
    """Another list names the order of the cursor; another spelling of a search is the same list."""
    pages = InstrumentPages([build("BTC/USDT"), build("ETH/USDT")])
    by_symbol = pages.read(ListFilter(), PageRequest(first=1)).cursors[0]
    with pytest.raises(InvalidArgument, match=r"after is .* order NAME DESC; this one is of SYMBOL ASC"):
        pages.read(
            ListFilter(), PageRequest(after=by_symbol), ListOrder(OrderField.NAME, OrderDirection.DESC)
        )
    for other in (
        ListFilter(source=Source.BINANCE),
        ListFilter(base="BTC"),
        ListFilter(quote="BTC"),
        ListFilter(status=TradingStatus.TRADING),
        ListFilter(search="usdt"),
        ListFilter(base_asset="bitcoin"),
    ):
        with pytest.raises(InvalidArgument, match=r"before is .* the same filter; this one is of another"):
            pages.read(other, PageRequest(before=by_symbol), ListOrder())
    found = pages.read(ListFilter(search="USDT"), PageRequest(first=1))
    asked = PageRequest(first=9, after=found.cursors[0])
    rest = pages.read(ListFilter(search=" usdt "), asked)
    assert [str(each.symbol) for each in rest.instruments] == ["ETH/USDT"]


def build(symbol: str, name: str = "Name") -> Instrument:
    return Instrument(Source.BINANCE, parse_symbol(symbol), symbol.replace("/", ""), name)


def encode(content: object) -> str:
    return encode_opaque(json.dumps(content))


@pytest.mark.slow
@settings(max_examples=at_length(60), deadline=None)
@given(text=st.text(min_size=1) | st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda each: st.lists(each, max_size=6) | st.dictionaries(st.text(), each, max_size=2),
).map(encode))  # fmt: skip
def test_no_text_breaks_the_reading_of_cursors(text: str) -> None:
    """The service refuses all that it did not give out."""
    with pytest.raises((InvalidCursor, InvalidArgument)):
        InstrumentPages([build("BTC/USDT")]).read(ListFilter(), PageRequest(after=text))


@pytest.mark.parametrize(
    "cursor",
    [
        "nonsense",
        format_cursor(Cursor({Source.BINANCE: StreamPosition("e", 1)})),
        encode(["SYMBOL ASC", "00", [0, 0, "", "BTC", "USDT"]]),
        encode(["SYMBOL ASC", "00", [0, 0, "", "BTC", "USDT", 1]]),
        encode(["SYMBOL ASC", "00", [0, 0, "", "BTC", "USDT", "binance"], 1]),
        encode(["SYMBOL ASC", "00", [0.5, 0, "", "BTC", "USDT", "binance"]]),
        encode(["SYMBOL ASC", "00", [0, 0, "", "BTC", "USDT", "\ud800"]]),
        "x" * (MAX_CURSOR_LENGTH + 1),
    ],
)
def test_a_cursor_of_another_kind_is_refused(cursor: str) -> None:
    """Also one with a place of the wrong form."""
    pages = InstrumentPages([build("BTC/USDT")])
    for asked in (PageRequest(after=cursor), PageRequest(before=cursor)):
        with pytest.raises(InvalidCursor):
            pages.read(ListFilter(), asked)


def test_the_longest_place_has_a_cursor_that_is_taken() -> None:
    """Codes and names of the greatest length, in letters of four bytes or escaped."""
    for letter in ("𠀀", "\x01"):
        code = "𠀀" * MAX_ASSET_LENGTH
        pages = InstrumentPages([build(f"{code}/{code}", letter * 200), build("BTC/USDT", letter * 201)])
        page = pages.read(ListFilter(), PageRequest(first=2), ListOrder(OrderField.NAME))
        assert max(map(len, page.cursors)) <= MAX_CURSOR_LENGTH
        for cursor in page.cursors:
            pages.read(ListFilter(), PageRequest(after=cursor), ListOrder(OrderField.NAME))


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        (PageRequest(first=-1), r"first is -1: expected 0 to 200"),
        (PageRequest(first=201), r"first is 201: expected 0 to 200"),
        (PageRequest(last=-1), r"last is -1: expected 0 to 200"),
        (PageRequest(last=201), r"last is 201: expected 0 to 200"),
        (PageRequest(first=1, last=0), r"last is 0: expected not together with first"),
    ],
)
def test_a_page_beyond_the_limits_is_refused(asked: PageRequest, message: str) -> None:
    """With what is expected."""
    with pytest.raises(InvalidArgument, match=message):
        InstrumentPages([build("BTC/USDT")]).read(ListFilter(), asked)


def test_without_a_length_the_page_is_next_to_its_cursor() -> None:
    """After `after`, or else before `before`; an empty cursor is as left out."""
    pages = InstrumentPages([build(f"A{number:03}/USDT") for number in range(3 * DEFAULT_PAGE)])

    def read(after: str = "", before: str = "") -> list[str]:
        page = pages.read(ListFilter(), PageRequest(after=after, before=before))
        assert len(page.cursors) == DEFAULT_PAGE
        return [page.instruments[0].symbol.base, page.cursors[0], page.cursors[-1]]

    first, start, end = read()
    second, *_ = read(after=end)
    middle = pages.read(ListFilter(), PageRequest(first=2, after=end)).cursors[1]
    assert (first, second) == ("A000", f"A{DEFAULT_PAGE:03}")
    last = pages.read(ListFilter(), PageRequest(last=1)).cursors[0]
    before, *_ = read(before=last)
    assert before == f"A{2 * DEFAULT_PAGE - 1:03}"
    assert read(after=start, before=middle)[0] == "A001"
