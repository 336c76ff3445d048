"""Templates of known documents: the plans of the ordinary path, in bounded memory."""

import asyncio
import json
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from cache.memory import MemoryCache
from gateway.fastpath import variable_reader
from gateway.fastpath.query_template import read_lists, read_plan
from gateway.fastpath.selection import NotOnFastPath
from gateway.fastpath.variable_reader import VariableReader
from gateway.gateway import Gateway
from gateway.operations import Operations
from gateway.prepared_operation import OperationRejected, RejectionStage
from gateway.queries.rates_query import RatesQuery
from gateway.queries.served_slots import MAX_INDEXES, ServedSlots
from gateway.request import GraphQLRequest, MalformedRequest, decode_json, parse_request
from gateway.schema.build import build_schema
from gateway.schema.context import Context
from gateway.settings import GatewaySettings
from gateway.state.mirror import TickerSlot
from gateway.trusted_documents.document_store import DocumentMode
from rates.source import Source
from rates.symbol import Symbol
from tests.gateway.fakes import FakeClock, ListedInstruments
from tests.gateway.fastpath.test_body_reader import pieces
from tests.gateway.fastpath.test_variable_reader import read_operation
from tests.json_types import Json
from tests.lengths import at_length

SCHEMA = build_schema()
DOCUMENT = """
query Lists($s: [Symbol!]!, $f: [SourceId!], $a: Int, $o: OnStale! = RETURN, $y: Boolean! = true) {
  rates(symbols: $s, sources: $f, maxAgeMs: $a, onStale: $o) { items { price } cursor @include(if: $y) }
}
query One($one: Symbol!, $f: SourceId, $t: Int) {
  rate(symbol: $one, source: $f, maxTradeAgeMs: $t) { price }
  rates(symbols: ["BTC/USDT"]) { items { price } }
}
query Sources { sources { source { code } } }
subscription Live { rates { kind } }
"""
KNOWN = [DOCUMENT, "query($s: [Symbol!]!) { rates(symbols: $s) { items { price symbol } } __typename }"]
# The least that can be set. Some of the lists below are too expensive then.
MAX_COST = 1_000


@pytest.fixture(scope="module")
def gateway() -> Gateway:
    """A gateway that knows the instruments, and has no rates."""
    listed = ListedInstruments(
        (Source.BINANCE, "BTC/USDT"), (Source.COINGECKO, "BTC/USDT"), (Source.BINANCE, "ETH/USDT")
    )
    gateway = Gateway(MemoryCache(), listed, GatewaySettings(port=0), simulated=True, clock=FakeClock())
    asyncio.run(gateway.catalog.refresh())
    return gateway


def make_operations(gateway: Gateway, **configured: Json) -> Operations:
    """Operations that know the documents."""
    chosen = GatewaySettings.model_validate({"port": 0, "fast_path": True, **configured})
    operations = Operations(SCHEMA, Context.of(gateway), chosen)
    for document in KNOWN:
        for _ in range(2):
            with pytest.raises(OperationRejected) as refused:
                operations.prepare(GraphQLRequest(document, operation_name="NoSuch"))
            assert refused.value.stage is RejectionStage.OPERATION
    return operations


symbols = st.sampled_from(["BTC/USDT", "ETH/USDT", "BTC/USD", "NO/SUCH", "btc/usdt", "", None, 5])
numbers = st.sampled_from([0, 5_000, -1, -0.0, 1.0, 1e3, 2**31, 10**30, None, "5", True])
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "s": st.lists(st.sampled_from(["BTC/USDT", "ETH/USDT", "A/B", "A/C", "A/D"]), max_size=200)
    | st.lists(symbols, max_size=3)
    | st.sampled_from([None, "BTC/USDT", {}]),
    "f": st.sampled_from([None, "BINANCE", ["BINANCE"], ["COINGECKO", "BINANCE", "BINANCE"], [], [None]]),
    "a": numbers,
    "t": numbers,
    "o": st.sampled_from([None, "RETURN", "OMIT", "ERROR", "NO"]),
    "y": st.sampled_from([True, False, None, 1]),
    "one": symbols,
    "other": numbers,
}


# The variables of the known operations, by document and name.
OPERATIONS = [(DOCUMENT, "Lists", "sfaoy"), (DOCUMENT, "One", ["one", "f", "t"]), (KNOWN[1], None, "s")]
GOOD: dict[str, st.SearchStrategy[Any]] = {
    "s": st.lists(st.sampled_from(["BTC/USDT", "ETH/USDT", "A/B", "A/C"]), max_size=200),
    "one": st.sampled_from(["BTC/USDT", "NO/SUCH"]),
    "f": st.sampled_from([None, ["BINANCE"], ["COINGECKO", "BINANCE"]]),
    "a": st.sampled_from([None, 0, 5_000, 2**31 - 1]),
    "t": st.sampled_from([None, 0, 5_000]),
    "o": st.sampled_from(["RETURN", "OMIT", "ERROR"]),
    "y": st.booleans(),
}


@st.composite
def bodies(draw: st.DrawFn) -> bytes:
    """A request for a known document, mostly in order, sometimes with wrong parts."""
    document, name, names = draw(st.sampled_from(OPERATIONS))
    given_values = {
        each: draw(GOOD[each] if draw(st.integers(0, 7)) else VALUES[each])
        for each in names
        if each in {"s", "one"} or draw(st.booleans())
    }
    parts: dict[str, Any] = {"query": document, "variables": given_values}
    if name is not None:
        parts["operationName"] = name
    match draw(st.integers(0, 11)):
        case 0:
            parts["variables"] = draw(st.sampled_from([None, [], "{}", 5]))
        case 1:
            parts["operationName"] = draw(st.sampled_from(["Sources", "Live", "NoSuch", "", None]))
        case 2:
            given_values["other"] = draw(VALUES["other"])
        case 3 | 4:
            persisted = {"persistedQuery": {"version": 1, "sha256Hash": "5"}}
            parts["extensions"] = draw(st.sampled_from([{}, None, [], 5, persisted, {"a": {"a": [1]}}]))
    text = json.dumps(
        {each: parts[each] for each in draw(st.permutations([*parts]))}, ensure_ascii=draw(st.booleans())
    )
    for _ in range(draw(st.sampled_from([0, 0, 0, 1, 2]))):
        place = draw(st.integers(0, len(text)))
        text = text[:place] + draw(pieces) + text[place + draw(st.integers(0, 2)) :]
    return text.encode("utf-8", "surrogatepass")


@pytest.fixture(scope="module")
def operations(gateway: Gateway) -> Operations:
    return make_operations(gateway, max_cost=MAX_COST)


@pytest.mark.slow
@settings(max_examples=at_length(400), deadline=None)
@given(body=bodies())
def test_what_is_planned_from_its_bytes_is_what_the_ordinary_path_would_prepare(
    operations: Operations, body: bytes
) -> None:
    """Not malformed, nor refused, with equal arguments and an equal cost.

    One with a text that is no symbol is planned, and has no result on the fast path.
    """
    known = operations.plan_known(body)
    plan = None if known is None else known.plan
    event(f"planned: {plan is not None}")
    if known is None or plan is None:
        return
    try:
        read = read_plan(plan)
    except NotOnFastPath:
        assert operations.chunks(plan) is None
        return
    try:
        prepared = operations.prepare(parse_request(decode_json(body)))
    except (MalformedRequest, OperationRejected) as exc:
        raise AssertionError(f"refused by the ordinary path: {exc}") from exc
    assert prepared.plan is not None
    assert known.cost == prepared.cost
    assert [each[:3] for each in read] == [each[:3] for each in prepared.plan]


@pytest.mark.parametrize("mode", DocumentMode)
def test_an_identifier_is_planned_like_its_document(gateway: Gateway, mode: DocumentMode) -> None:
    """With a trusted document, and only then."""
    operations = make_operations(gateway)
    operations.documents.mode = mode
    operations.documents.set_trusted({"lists": DOCUMENT})
    parts = {"operationName": "Lists", "variables": {"s": ["BTC/USDT", "ETH/USDT"]}}

    def plan(**named: str) -> object:
        return operations.plan_known(json.dumps({**named, **parts}).encode())

    by_id, by_text = plan(documentId="lists"), plan(query=DOCUMENT)
    assert (by_id is None) == (mode is DocumentMode.OFF)
    assert (by_text is None) == (mode is DocumentMode.ONLY)
    if by_id is not None and by_text is not None:
        assert by_id == by_text
    assert plan(documentId="unknown") is None
    operations.documents.set_trusted({})
    assert plan(documentId="lists") is None


def test_a_list_within_the_cost_limit_is_planned_and_one_beyond_it_is_not(operations: Operations) -> None:
    """The same limit as on the ordinary path, symbol by symbol."""
    found = set()
    for count in range(100, 130):
        variables = {"s": [f"A{number}/USDT" for number in range(count)]}
        try:
            operations.prepare(GraphQLRequest(KNOWN[1], variables))
            is_affordable = True
        except OperationRejected:
            is_affordable = False
        body = json.dumps({"query": KNOWN[1], "variables": variables}).encode()
        assert (operations.plan_known(body) is not None) == is_affordable
        found.add(is_affordable)
    assert found == {True, False}


def test_names_of_operations_that_the_document_has_not_are_not_kept(gateway: Gateway) -> None:
    """A client could invent one for each request."""
    operations = make_operations(gateway)
    for number in range(100):
        body = json.dumps({"query": DOCUMENT, "operationName": f"Made{number}"}).encode()
        assert operations.plan_known(body) is None
    checked = operations._preparer._documents.find(DOCUMENT)
    assert checked is not None
    assert len(checked.templates) <= 1


def test_more_shapes_than_are_kept_leave_no_request_behind(gateway: Gateway) -> None:
    """The first one is planned again after all others were asked for."""
    operations = make_operations(gateway)
    shapes: list[dict[str, Any]] = [
        {"s": ["BTC/USDT"], **age, **sources, "y": is_included}
        for age in ({}, {"a": None}, {"a": 5})
        for sources in ({}, {"f": None}, {"f": ["BINANCE"]})
        for is_included in (True, False)
    ]
    for variables in [*shapes, shapes[0]]:
        body = json.dumps({"query": DOCUMENT, "operationName": "Lists", "variables": variables}).encode()
        assert operations.plan_known(body) is not None


def test_values_are_kept_once_for_all_variables_and_only_those_that_come_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Else a document with hundreds of variables would multiply the memory."""
    monkeypatch.setattr(variable_reader, "MAX_KEPT_VALUES", 100)
    variable_reader._values_of.cache_clear()
    schema = SCHEMA._schema
    readers = [
        VariableReader(schema, read_operation(f"query($a: {kind}, $b: [Symbol]) {{ __typename }}"))
        for kind in ("Symbol", "Symbol!", "[Symbol!]!")
    ]
    values = variable_reader._values_of(schema.type_map["Symbol"])

    def read(number: int) -> None:
        for reader, value in zip(readers, [f"A{number}/B", f"B{number}/B", [f"C{number}/B"]], strict=True):
            values_read = reader.read(json.dumps({"a": value, "b": ["BTC/USDT"]}).encode())
            assert values_read is not None
            read_lists(values_read)

    for number in range(400):
        read(number)
    assert set(values) == {"BTC/USDT"}
    for number in range(400):
        read(number)
        read(number)
    assert "BTC/USDT" in values
    assert len(values) <= 100


@dataclass
class ChangingCatalog:
    """Instruments that change with their revision."""

    revision: int


def test_sets_of_sources_that_come_once_evict_none_that_are_used() -> None:
    """The slots of each symbol at all sources are looked up once."""
    listed: list[RatesQuery] = []

    def list_slots(query: RatesQuery) -> tuple[list[TickerSlot], bool]:
        listed.append(query)
        return [TickerSlot()], True

    catalog = ChangingCatalog(1)
    slots, usual = ServedSlots(catalog, list_slots), RatesQuery((Symbol("BTC", "USDT"),))
    first = slots.find(["BTC/USDT"], None)
    for number in range(5 * MAX_INDEXES):
        sources = tuple([Source.BINANCE] * (number + 1))
        assert slots.find(["BTC/USDT"], sources) is not None
        assert slots.find(["BTC/USDT"], None) == first
    assert listed.count(usual) == 1
    catalog.revision = 2
    assert slots.find(["BTC/USDT"], None) != first


def test_a_list_is_looked_up_once_to_be_priced_and_answered() -> None:
    """The next list is another one, and so is the same list after a change of the instruments."""
    catalog = ChangingCatalog(1)
    served = {"BTC/USDT": [TickerSlot()], "ETH/USDT": [TickerSlot(), TickerSlot()]}
    listed: list[str] = []

    def list_slots(query: RatesQuery) -> tuple[list[TickerSlot], bool]:
        assert query.symbols is not None
        listed.append(str(query.symbols[0]))
        return served.get(listed[-1], []), listed[-1] in served

    slots = ServedSlots(catalog, list_slots)
    pair, twice, unknown = ["BTC/USDT", "ETH/USDT"], ["ETH/USDT"] * 2, ["BTC/USDT", "XRP/USDT"]
    assert slots.count(pair) == (3, 2)
    found = slots.find(pair, None)
    assert found == served["BTC/USDT"] + served["ETH/USDT"]
    assert slots.find(pair, None) is found
    assert slots.count(twice) == (2, 1)
    assert slots.find(pair, (Source.KRAKEN,)) == found
    assert slots.count(unknown) is None
    assert slots.count(pair) == (3, 2)
    served["BTC/USDT"].append(TickerSlot())
    catalog.revision = 2
    assert slots.count(pair) == (4, 2)
