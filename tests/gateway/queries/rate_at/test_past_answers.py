"""`consensusRate` and `conversion` at a time of the past."""

from typing import Any

import pytest
from sqlalchemy import insert

from gateway.operations import Operations
from gateway.request import GraphQLRequest
from history.bar import bar_of
from history.bar_rows import insert_rows, to_row
from history.models import MinuteRow, SeriesRow
from instruments.store import InstrumentStore
from rates.source import Source
from rates.symbol import parse_symbol
from tests.gateway.fakes import FakeClock, ListedInstruments
from tests.gateway.fixture_types import Execute
from tests.history.trades import at, trade

pytestmark = pytest.mark.slow

AT = "2024-08-08T13:01:00Z"
INSTRUMENTS = (
    (Source.BINANCE, "BTC/USDT"),
    (Source.BINANCE, "ETH/BTC"),
    (Source.BINANCE, "SOL/BTC"),
    (Source.KRAKEN, "BTC/USDT"),
    (Source.OKX, "BTC/USDT"),
    (Source.COINGECKO, "BTC/USDT"),
)
# A trade of each, so many seconds before `AT`.
TRADES = (
    (Source.BINANCE, "BTC/USDT", "100", 2),
    (Source.KRAKEN, "BTC/USDT", "102", 4),
    (Source.OKX, "BTC/USDT", "300", 50),
    (Source.BINANCE, "ETH/BTC", "0.05", 5),
)
CONSENSUS = """price quality ageMs freshness at observedAt
  contributions { source { code } included usedPrice basis exclusion rate { id } rateAt { price tradedAt freshness coverage } }"""


@pytest.fixture
def instruments() -> ListedInstruments:
    return ListedInstruments(*INSTRUMENTS)


@pytest.fixture(autouse=True)
async def history(database: InstrumentStore, clock: FakeClock) -> None:
    """Store a minute with each trade, an hour before now."""
    clock.now = at(7_200)
    async with database.transaction() as connection:
        for number, (source, symbol, price, before) in enumerate(TRADES, 1):
            pair = parse_symbol(symbol)
            if number > 1:
                await connection.execute(
                    insert(SeriesRow).values(
                        id=number, source=source, base=pair.base, quote=pair.quote, simulated=False
                    )
                )
            bar = bar_of(trade(1, 3_660 - before, price))
            row = to_row(number, at(3_600), 0, bar, at(3_662)) | {"coverage": "COMPLETE"}
            await insert_rows(connection, MinuteRow, [row])


async def test_a_consensus_of_the_past_follows_the_same_rules(execute: Execute) -> None:
    """Trades that were too old at that time do not count; rates of now are not mixed in."""
    result = await execute(f'{{ consensusRate(symbol: "BTC/USDT", at: "{AT}") {{ {CONSENSUS} }} }}')
    assert not result.errors
    found: Any = result.data["consensusRate"]
    assert (found["price"], found["quality"], found["ageMs"]) == ("101", "DIVERGED", 4000)
    assert (found["at"], found["observedAt"]) == ("2024-08-08T13:01:00.000Z", "2024-08-08T13:00:56.000Z")
    told = {
        each["source"]["code"]: (
            each["included"],
            each["exclusion"],
            each["rateAt"] and each["rateAt"]["price"],
        )
        for each in found["contributions"]
    }
    assert told == {
        "BINANCE": (True, None, "100"),
        "KRAKEN": (True, None, "102"),
        "OKX": (False, "STALE", "300"),
        "COINGECKO": (False, "NOT_YET_SEEN", None),
    }
    (first,) = [each for each in found["contributions"] if each["source"]["code"] == "BINANCE"]
    assert first["rate"] is None
    assert (first["usedPrice"], first["basis"]) == ("100", "LAST_TRADE")
    # The next minute is not stored.
    assert first["rateAt"]["coverage"] == "UNKNOWN"


@pytest.mark.parametrize(
    ("arguments", "price", "quality"),
    [
        ("minSources: 3", None, "INSUFFICIENT"),
        ("maxAgeMs: 3000, minSources: 1", "100", "SINGLE_SOURCE"),
        ("sources: [KRAKEN], minSources: 1", "102", "SINGLE_SOURCE"),
        ("maxDeviationBps: 100", "101", "AGREED"),
    ],
)
async def test_its_arguments_count_too(
    execute: Execute, arguments: str, price: str | None, quality: str
) -> None:
    """With the ages at that time."""
    result = await execute(
        f'{{ consensusRate(symbol: "BTC/USDT", at: "{AT}", {arguments}) {{ price quality }} }}'
    )
    assert not result.errors
    assert result.data["consensusRate"] == {"price": price, "quality": quality}


async def test_volumes_of_the_past_are_refused(execute: Execute) -> None:
    """As a time of the future is, and a symbol that nobody tracks."""
    result = await execute(
        f"""{{ volume: consensusRate(symbol: "BTC/USDT", at: "{AT}", method: VWAP) {{ price }}
            future: consensusRate(symbol: "BTC/USDT", at: "2030-01-01T00:00:00Z") {{ price }}
            unknown: consensusRate(symbol: "BTC/USDX", at: "{AT}") {{ price }}
            later: conversion(amount: 1, from: "BTC", to: "USDT", at: "2030-01-01T00:00:00Z") {{ result }}
            nobody: conversion(amount: 1, from: "BTC", to: "XXX", at: "{AT}") {{ result }} }}"""
    )
    assert result.codes() == {
        "volume": "BAD_USER_INPUT",
        "future": "BAD_USER_INPUT",
        "unknown": "UNKNOWN_SYMBOL",
        "later": "BAD_USER_INPUT",
        "nobody": "UNKNOWN_ASSET",
    }


async def test_a_conversion_of_the_past_names_its_trades(execute: Execute) -> None:
    """Each leg has the trade that was known then."""
    result = await execute(
        f"""{{ conversion(amount: 2, from: "ETH", to: "USDT", at: "{AT}") {{
            result at ageMs freshness observedAt
            legs {{ from to usedPrice basis rate {{ id }} rateAt {{ price source {{ code }} coverage }} }} }} }}"""
    )
    assert not result.errors
    assert result.data["conversion"] == {
        "result": "10.00",
        "at": "2024-08-08T13:01:00.000Z",
        "ageMs": 5000,
        "freshness": "FRESH",
        "observedAt": "2024-08-08T13:00:55.000Z",
        "legs": [
            {
                "from": "ETH",
                "to": "BTC",
                "usedPrice": "0.05",
                "basis": "LAST_TRADE",
                "rate": None,
                "rateAt": {"price": "0.05", "source": {"code": "BINANCE"}, "coverage": "UNKNOWN"},
            },
            {
                "from": "BTC",
                "to": "USDT",
                "usedPrice": "100",
                "basis": "LAST_TRADE",
                "rate": None,
                "rateAt": {"price": "100", "source": {"code": "BINANCE"}, "coverage": "UNKNOWN"},
            },
        ],
    }


async def test_a_conversion_without_trades_then_is_an_error(execute: Execute) -> None:
    """So is one with a trade that was too old, if that is asked for."""
    result = await execute(
        f"""{{ none: conversion(amount: 1, from: "SOL", to: "BTC", at: "{AT}") {{ result }}
            old: conversion(amount: 1, from: "ETH", to: "BTC", at: "{AT}", maxAgeMs: 4999, onStale: ERROR) {{ result }}
            omitted: conversion(amount: 1, from: "ETH", to: "BTC", at: "{AT}", maxAgeMs: 4999, onStale: OMIT) {{ result }}
            same: conversion(amount: 1, from: "BTC", to: "BTC", at: "{AT}") {{ result }} }}"""
    )
    assert result.codes() == {
        "none": "RATE_NOT_SEEN",
        "old": "RATE_STALE",
    }
    answers: Any = result.data
    assert answers["omitted"] is None
    assert answers["same"] == {"result": "1"}


async def test_answers_of_the_past_can_be_fetched_by_their_ids(execute: Execute) -> None:
    """The time is a part of the id, so that clients keep them apart from those of now."""
    asked = await execute(
        f"""{{ consensusRate(symbol: "BTC/USDT", at: "{AT}") {{ id price }}
            conversion(amount: 2, from: "ETH", to: "USDT", at: "{AT}") {{ id result }} }}"""
    )
    ids = [asked.data["consensusRate"]["id"], asked.data["conversion"]["id"]]
    assert all("at=2024-08-08T13:01:00" in one for one in ids)
    missing = str(ids[1]).replace(":ETH:", ":SOL:")
    broken = str(ids[0]).replace("+00:00", "")
    result = await execute(
        """query($ids: [ID!]!) { nodes(ids: $ids) {
            ... on ConsensusRate { id price } ... on Conversion { id result } } }""",
        ids=[*ids, missing, broken],
    )
    assert list(result.data["nodes"]) == [asked.data["consensusRate"], asked.data["conversion"], None, None]
    assert [error.extensions["code"] for error in result.errors] == ["BAD_USER_INPUT"]


async def test_the_subscriptions_have_no_past(operations: Operations) -> None:
    """They begin with what is known now."""
    for field in ('consensusRate(symbol: "BTC/USDT"', 'conversion(amount: 1, from: "ETH", to: "BTC"'):
        with pytest.raises(Exception, match="Unknown argument"):
            operations.prepare(GraphQLRequest(f'subscription {{ {field}, at: "{AT}") {{ id }} }}'))
