"""The field `instruments`: filters, orders and pages, and the errors of each."""

import pytest

from gateway.gateway import Gateway
from instruments.instrument import Halt
from rates.source import Source
from tests.gateway.fakes import NOON, ListedInstruments
from tests.gateway.fixture_types import Execute, Until
from tests.json_types import Json

PAGE = """query($filter: InstrumentFilter, $by: InstrumentOrder, $first: Int, $after: String, $last: Int, $before: String) {
  instruments(filter: $filter, orderBy: $by, first: $first, after: $after, last: $last, before: $before) {
    edges { cursor } nodes { id } totalCount pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
  }
}"""
BTC_USD, BTC_USDT, BTC_USDT_COINGECKO, ETH = (
    "Instrument:COINGECKO:BTC/USD",
    "Instrument:BINANCE:BTC/USDT",
    "Instrument:COINGECKO:BTC/USDT",
    "Instrument:BINANCE:ETH/USDT",
)
ALL = [BTC_USD, BTC_USDT, BTC_USDT_COINGECKO, ETH]


def ids(page: Json) -> list[str]:
    return [each["id"] for each in page["nodes"]]


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (None, ALL),
        ({}, ALL),
        ({"source": None, "base": None, "quote": None, "status": None, "search": None}, ALL),
        ({"search": ""}, ALL),
        ({"source": "BINANCE"}, [BTC_USDT, ETH]),
        ({"base": "BTC"}, [BTC_USD, BTC_USDT, BTC_USDT_COINGECKO]),
        ({"quote": "USD"}, [BTC_USD]),
        ({"status": "HALTED"}, [ETH]),
        ({"status": "TRADING", "source": "BINANCE"}, [BTC_USDT]),
        ({"base": "NONE"}, []),
        ({"search": "btcusdt"}, [BTC_USDT, BTC_USDT_COINGECKO]),
        ({"search": "BTC-USD"}, [BTC_USD, BTC_USDT, BTC_USDT_COINGECKO]),
        ({"search": "name of eth", "source": "BINANCE"}, [ETH]),
        ({"search": "nothing"}, []),
    ],
)
async def test_a_filter_leaves_what_meets_all_its_conditions(
    gateway: Gateway,
    instruments: ListedInstruments,
    execute: Execute,
    until: Until,
    wanted: Json,
    found: list[str],
) -> None:
    """A condition that is null or left out is met by all."""
    instruments.halt(Source.BINANCE, "ETH/USDT", Halt("BREAK", NOON))
    await until(lambda: len(gateway.catalog.halted) == 1)
    page = (await execute(PAGE, filter=wanted)).data["instruments"]
    assert ids(page) == found
    assert page["totalCount"] == len(found)


@pytest.mark.parametrize(
    ("by", "found"),
    [
        (None, ALL),
        ({}, ALL),
        ({"direction": "DESC"}, ALL[::-1]),
        ({"field": "SOURCE"}, [BTC_USDT, ETH, BTC_USD, BTC_USDT_COINGECKO]),
        ({"field": "NAME", "direction": "DESC"}, ALL[::-1]),
        ({"field": "RELEVANCE"}, ALL),
    ],
)
async def test_an_order_is_kept_over_pages_in_both_directions(
    execute: Execute, by: Json, found: list[str]
) -> None:
    """Without one, instruments are ordered by symbol and source."""
    forwards: list[str] = []
    backwards: list[str] = []
    after = before = None
    for _ in range(2):
        page = (await execute(PAGE, by=by, first=2, after=after)).data["instruments"]
        forwards, after = forwards + ids(page), page["pageInfo"]["endCursor"]
        page = (await execute(PAGE, by=by, last=2, before=before)).data["instruments"]
        backwards, before = ids(page) + backwards, page["pageInfo"]["startCursor"]
    assert forwards == backwards == found


async def test_a_search_is_ordered_by_relevance_unless_another_order_is_given(execute: Execute) -> None:
    """The best match first."""
    search = {"search": "btcusdt"}
    assert ids((await execute(PAGE, filter=search)).data["instruments"]) == [BTC_USDT, BTC_USDT_COINGECKO]
    by_symbol = await execute(PAGE, filter={"search": "usdt"}, by={"field": "SYMBOL", "direction": "DESC"})
    assert ids(by_symbol.data["instruments"]) == [ETH, BTC_USDT_COINGECKO, BTC_USDT]


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        ({"first": 1, "last": 1}, "last is 1: expected not together with first"),
        ({"first": -1}, "first is -1: expected 0 to 200"),
        ({"last": 201}, "last is 201: expected 0 to 200"),
        ({"filter": {"base": "btc"}}, "filter.base is 'btc': expected a code in upper case, such as BTC"),
        ({"filter": {"search": "x" * 101}}, "expected at most 100 characters"),
        ({"filter": {"search": "a b c d e f g h i"}}, "expected at most 8 words"),
        ({"before": "nonsense"}, "'nonsense' is not a cursor"),
    ],
)
async def test_an_argument_that_cannot_be_used_is_refused(
    execute: Execute, variables: dict[str, Json], message: str
) -> None:
    """With what was seen and what was expected."""
    result = await execute(PAGE, **variables)
    (error,) = result.errors
    assert error.extensions["code"] == "BAD_USER_INPUT"
    assert message in error.message
    assert result.data == {"instruments": None}


async def test_a_cursor_of_another_list_is_refused(execute: Execute) -> None:
    """It would name a wrong place."""
    page = (await execute(PAGE, first=1)).data["instruments"]
    cursor = page["edges"][0]["cursor"]
    assert cursor == page["pageInfo"]["startCursor"] == page["pageInfo"]["endCursor"]
    (order,) = (await execute(PAGE, after=cursor, by={"field": "NAME"})).errors
    assert "a cursor of the order NAME ASC; this one is of SYMBOL ASC" in order.message
    (other,) = (await execute(PAGE, after=cursor, filter={"quote": "USDT"})).errors
    assert "a cursor of the same filter" in other.message
    rest = (await execute(PAGE, after=cursor, before="")).data["instruments"]
    assert ids(rest) == ALL[1:]
    assert rest["pageInfo"]["hasPreviousPage"]
