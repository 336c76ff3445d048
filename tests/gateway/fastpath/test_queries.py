"""Results of the fast path are byte-equal to those of the executor at the same time."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
import strawberry
from hypothesis import event, given, settings
from hypothesis import strategies as st

from cache.memory import MemoryCache
from gateway.cache_limits import QUERY_BYTES_PER_SYMBOL
from gateway.fastpath.new_rates import RatesArgs
from gateway.fastpath.queries import FastPathQueries
from gateway.fastpath.response_encoder import ResponseEncoder
from gateway.gateway import Gateway
from gateway.operations import Operations
from gateway.prepared_operation import OperationRejected, PreparedOperation
from gateway.request import GraphQLRequest
from gateway.results import encode
from gateway.schema.build import build_schema
from gateway.schema.context import Context, OperationMetadata
from gateway.settings import GatewaySettings
from rates.source import Source
from rates.ticker import Ticker
from tests.gateway.fakes import NOON, FakeClock, ListedInstruments, build_ticker, wait_until
from tests.gateway.fastpath.documents import requests
from tests.json_types import JsonObject
from tests.lengths import at_length
from tests.virtual_time import run_virtually

SETTINGS = GatewaySettings(port=0, fast_path=True)
SCHEMA = build_schema()
KEYS = [
    (Source.BINANCE, "BTC/USDT"),
    (Source.BINANCE, "ETH/USDT"),
    (Source.COINGECKO, "BTC/USD"),
    (Source.COINGECKO, "BTC/USDT"),
]
prices = st.sampled_from(["1E-8", "100", "97012.50", "0.00000001", "12345678901234567890.123456789"])
optional = st.none() | prices.map(Decimal)


@dataclass
class Both:
    """A gateway with both ways to answer."""

    gateway: Gateway
    cache: MemoryCache
    clock: FakeClock
    operations: Operations
    listed: ListedInstruments
    repeated: dict[bytes, PreparedOperation] = field(default_factory=dict)
    """The first of equal requests, as they are kept."""

    async def write(self, ticker: Ticker) -> None:
        await self.cache.write([ticker])
        known = self.gateway.mirror.read
        await wait_until(lambda: (held := known(ticker.key)) is not None and not ticker.is_newer_than(held))

    async def check(self, query: str, variables: JsonObject) -> bool:
        """Ask both the same at the same moment; whether it was assembled from fragments."""
        request = GraphQLRequest(query, variables)
        metadata, plain_notes = OperationMetadata(), OperationMetadata()
        body = json.dumps({"query": query, "variables": variables}).encode()
        try:
            # A document is known from the second time on.
            self.operations.prepare(request)
            prepared = self.operations.prepare(request)
        except OperationRejected:
            known = self.operations.plan_known(body)
            assert known is None or self.operations.chunks(known.plan) is None
            return False
        # Before others renew what is kept.
        repeated = self.repeated.setdefault(body, prepared).plan
        again = None if repeated is None else self.operations.chunks(repeated)
        plain = await self.operations.execute(prepared, plain_notes)
        answer = await self.operations.answer(prepared, metadata)
        assert answer.body == encode(plain)
        assert answer.has_errors == ("errors" in plain)
        assert (metadata.fresh_for, metadata.no_store) == (plain_notes.fresh_for, plain_notes.no_store)
        assert (await self.operations.answer(prepared)).body == answer.body
        known = self.operations.plan_known(body)
        chunks = None if known is None else self.operations.chunks(known.plan)
        assert chunks is None or b"".join(chunks) == answer.body
        event(f"planned from the body: {known is not None}, encoded: {chunks is not None}")
        assert again is None or b"".join(again) == answer.body
        return prepared.plan is not None


def make_queries(system: Both, encoder: ResponseEncoder) -> FastPathQueries:
    """Return the fast path over an encoder of its own."""
    gateway = system.gateway
    return FastPathQueries(SCHEMA._schema, gateway.rates, gateway.candles, gateway.history, encoder)


@asynccontextmanager
async def both(schema: strawberry.Schema = SCHEMA) -> AsyncIterator[Both]:
    clock, cache = FakeClock(), MemoryCache()
    listed = ListedInstruments(*KEYS)
    gateway = Gateway(cache, listed, SETTINGS, simulated=True, clock=clock)
    running = asyncio.create_task(gateway.run())
    try:
        await wait_until(lambda: gateway.mirror.loaded and gateway.catalog.loaded)
        yield Both(gateway, cache, clock, Operations(schema, Context.of(gateway), SETTINGS), listed)
    finally:
        running.cancel()
        await asyncio.wait([running])


# Microseconds until it is written, its symbol, and its other fields.
Happening = tuple[int, str | None, dict[str, Any]]


@st.composite
def tickers(draw: st.DrawFn) -> Happening:
    source, symbol = draw(st.sampled_from(KEYS))
    fields = {
        "source": source,
        "bid": draw(optional),
        "high_24h": draw(optional),
        "volume_24h": draw(optional),
        "simulated": draw(st.booleans()),
        "price": draw(prices),
        "late": timedelta(microseconds=draw(st.sampled_from([-3_000_000, 0, 1, 999, 1_000, 12_345_678]))),
    }
    return (
        draw(st.sampled_from([0, 1, 1_000, 9_999_999, 10_000_000, 10_000_001, 100_000_001, 10**16])),
        symbol,
        fields,
    )


@pytest.mark.slow
@settings(max_examples=at_length(125), deadline=None)
@given(
    asked=st.lists(requests(), min_size=1, max_size=3),
    all_seen=st.booleans(),
    happens=st.lists(tickers(), max_size=4),
)
def test_every_answer_is_that_of_the_executor(
    asked: list[tuple[str, JsonObject]], all_seen: bool, happens: list[Happening]
) -> None:
    """For any query, any known rates and any age of them."""

    async def run_scenario() -> None:
        async with both() as system:
            for source, symbol in KEYS if all_seen else ():
                await system.write(build_ticker(symbol, source=source))
            first: Happening = (0, None, {})
            for microseconds, event_symbol, fields in [first, *happens]:
                system.clock.now = min(
                    system.clock.now + timedelta(microseconds=microseconds), NOON + timedelta(days=365 * 500)
                )
                if event_symbol is not None:
                    observed_at = system.clock.now - fields["late"]
                    others = {name: value for name, value in fields.items() if name != "late"}
                    await system.write(build_ticker(event_symbol, observed_at=observed_at, **others))
                for query, variables in asked:
                    event(f"covered: {await system.check(query, variables)}")

    run_virtually(run_scenario())


LISTS = [
    "query($s: [Symbol!]!) { rates(symbols: $s) { items { %s } } }",
    "query($s: [Symbol!], $f: [SourceId!]) { rates(symbols: $s, sources: $f) { cursor items { %s } sentAt } }",
    """query($s: [Symbol!]!, $a: Int, $o: OnStale! = RETURN) {
      rates(symbols: $s, maxAgeMs: $a, onStale: $o) { items { %s } unavailable { symbol reason } }
      b: rates(symbols: $s) { items { %s } }
    }""",
    """query($s: [Symbol!]!, $y: Boolean!) {
      rates(symbols: $s) { items { %s } cursor @include(if: $y) } __typename rate(symbol: "BTC/USDT") { price }
    }""",
    "query($one: Symbol!, $f: SourceId) { rate(symbol: $one, source: $f) { %s } }",
]
FIELDS = [
    "price",
    "symbol ageMs",
    "ageMs price",
    "id ageMs bid",
    "freshness price",
    "a: ageMs b: ageMs",
    "ageMs freshness",
    "instrument { id }",
]
symbols = st.sampled_from(["BTC/USDT", "ETH/USDT", "BTC/USD", "NO/SUCH", "btc/usdt"])


@st.composite
def list_requests(draw: st.DrawFn) -> tuple[str, JsonObject]:
    """One of a few documents, with any variables."""
    document = draw(st.sampled_from(LISTS))
    variables: dict[str, Any] = {"s": draw(st.lists(symbols, max_size=4))}
    others = {
        "f": st.sampled_from([None, "BINANCE", ["BINANCE"], ["COINGECKO", "BINANCE", "BINANCE"], []]),
        "a": st.sampled_from([None, 0, 5_000, -1, 2**31, 1.0]),
        "o": st.sampled_from([None, "RETURN", "OMIT", "ERROR", "NO"]),
        "y": st.booleans(),
        "one": symbols,
    }
    for name, values in others.items():
        if f"${name}:" in document and draw(st.integers(0, 3)):
            variables[name] = draw(values)
    return document.replace("%s", draw(st.sampled_from(FIELDS))), variables


@pytest.mark.slow
@settings(max_examples=at_length(100), deadline=None)
@given(asked=st.lists(list_requests(), min_size=1, max_size=6), happens=st.lists(tickers(), max_size=3))
def test_other_variables_of_a_known_document_are_answered_as_by_the_executor(
    asked: list[tuple[str, JsonObject]], happens: list[Happening]
) -> None:
    """Lists that are new are joined from the same rates, whichever of them have changed."""

    async def run_scenario() -> None:
        async with both() as system:
            for source, symbol in KEYS:
                await system.write(build_ticker(symbol, source=source))
            first: Happening = (0, None, {})
            for microseconds, event_symbol, fields in [first, *happens]:
                system.clock.now += timedelta(microseconds=min(microseconds, 10**9))
                if event_symbol is not None:
                    observed_at = system.clock.now - fields["late"]
                    others = {name: value for name, value in fields.items() if name != "late"}
                    await system.write(build_ticker(event_symbol, observed_at=observed_at, **others))
                for query, variables in asked:
                    await system.check(query, variables)

    run_virtually(run_scenario())


async def test_a_list_that_is_new_encodes_no_rate_again() -> None:
    """Nor are its document and its selection looked at again."""
    async with both() as system:
        for source, symbol in KEYS:
            await system.write(build_ticker(symbol, source=source))
        document = "query($s: [Symbol!]!) { rates(symbols: $s) { items { symbol ageMs } } }"
        for _ in range(2):
            system.operations.prepare(GraphQLRequest(document, {"s": ["ETH/USDT"]}))
        for wanted in (["BTC/USDT"], ["BTC/USD", "BTC/USDT"], ["ETH/USDT", "BTC/USD", "BTC/USDT"]):
            body = json.dumps({"query": document, "variables": {"s": wanted}}).encode()
            known = system.operations.plan_known(body)
            assert known is not None
            plan = known.plan
            assert plan[0].is_new
            assert system.operations.chunks(plan) is not None
            selection = plan[0].field.inside.fields[0].inside  # type: ignore[union-attr]
        cache = system.operations._fast_queries._encoder.rate_cache(selection)  # type: ignore[arg-type]
        assert cache.encoded_count == len(KEYS)


async def test_another_list_of_the_same_rates_encodes_nothing_again() -> None:
    """Fragments are shared by selection, whichever symbols were asked for."""
    async with both() as system:
        for source, symbol in KEYS:
            await system.write(build_ticker(symbol, source=source))
        encoder = ResponseEncoder(SCHEMA._schema, system.gateway.rates)
        answers = make_queries(system, encoder)
        for symbols in ("", '(symbols: ["BTC/USDT"])', '(symbols: ["ETH/USDT", "BTC/USD"])'):
            prepared = system.operations.prepare(
                GraphQLRequest(f"{{ rates{symbols} {{ items {{ id price }} }} }}")
            )
            assert prepared.plan
            assert answers.answer(prepared.plan, None)
            (field,) = prepared.plan[0].field.inside.fields  # type: ignore[union-attr]
            assert encoder.rate_cache(field.inside).encoded_count == len(KEYS)  # type: ignore[arg-type]


async def test_twice_as_many_requests_encode_nothing_more() -> None:
    """The number of encodings grows with changed rates, not with requests."""
    async with both() as system:
        await system.write(build_ticker())
        encoder = ResponseEncoder(SCHEMA._schema, system.gateway.rates)
        answers = make_queries(system, encoder)
        for number, question in enumerate(['rate(symbol: "BTC/USDT")', 'rates(symbols: ["BTC/USDT"])']):
            inside = "price ageMs" if number == 0 else "items { price ageMs }"
            prepared = [
                system.operations.prepare(GraphQLRequest(f"{{ {'a' * asked}: {question} {{ {inside} }} }}"))
                for asked in range(1, 9)
            ]
            for count in (4, 8):
                for each in prepared[:count]:
                    assert each.plan
                    assert answers.answer(each.plan, None)
                selection = prepared[0].plan[0].field.inside  # type: ignore[index]
                assert selection
                selection = selection if number == 0 else selection.fields[0].inside
                assert encoder.rate_cache(selection).encoded_count == 1  # type: ignore[arg-type]


async def test_a_list_is_kept_although_some_of_it_has_not_been_seen() -> None:
    """A source that is down from the start makes nobody's answers slow."""
    async with both() as system:
        await system.write(build_ticker())
        encoder = ResponseEncoder(SCHEMA._schema, system.gateway.rates)
        answers = make_queries(system, encoder)
        query = '{ rates(symbols: ["BTC/USDT", "ETH/USDT", "NO/SUCH"]) { items { price } } }'
        plan = system.operations.prepare(GraphQLRequest(query)).plan
        assert plan
        for _ in range(2):
            assert answers.answer(plan, None) == b'{"data":{"rates":{"items":[{"price":"100"}]}}}'
        selection, args = plan[0].field.inside.fields[0].inside, plan[0].args  # type: ignore[union-attr]
        assert isinstance(args, RatesArgs)
        assert selection
        kept = encoder.refresh_list(selection, args.query, system.gateway.rates.now())
        await system.write(build_ticker("ETH/USDT", "7"))
        expected = b'{"data":{"rates":{"items":[{"price":"100"},{"price":"7"}]}}}'
        assert answers.answer(plan, None) == expected
        assert encoder.refresh_list(selection, args.query, system.gateway.rates.now()) is kept


@pytest.mark.slow
async def test_a_list_that_comes_again_is_answered_while_it_is_kept() -> None:
    """One step finds it; what it shows is never older than what has happened."""
    async with both() as system:
        await system.write(build_ticker())
        query = '{ rates(symbols: ["BTC/USDT"]) { items { price ageMs } } }'
        plan = system.operations.prepare(GraphQLRequest(query)).plan
        assert plan
        assert not system.operations.is_encoded_list(plan)
        for _ in range(2):
            assert system.operations.chunks(plan)
        assert system.operations.is_encoded_list(plan)
        repeated, chunks = plan[0].repeated, system.operations.chunks
        assert repeated is not None
        encoder = system.operations._fast_queries._encoder
        assert repeated.chunks(system.gateway.rates, encoder) == (
            b'{"items":',
            b'[{"price":"100","ageMs":0}]',
            b"}",
        )
        system.clock.now += timedelta(milliseconds=7)
        assert b'"ageMs":7' in b"".join(repeated.chunks(system.gateway.rates, encoder) or ())
        await system.write(build_ticker(price="8", observed_at=system.clock.now))
        assert repeated.chunks(system.gateway.rates, encoder) is None
        assert b'"price":"8"' in b"".join(chunks(plan) or ())
        encoder._encoded_lists.clear()
        assert not system.operations.is_encoded_list(plan)
        assert b'"price":"8"' in b"".join(chunks(plan) or ())


@pytest.mark.slow
async def test_a_client_with_ever_new_selections_fills_no_memory() -> None:
    """Ever new aliases are answered, and what is kept for them stays bounded."""
    async with both() as system:
        for source, symbol in KEYS:
            await system.write(build_ticker(symbol, source=source))
        encoder = ResponseEncoder(SCHEMA._schema, system.gateway.rates, max_bytes=50_000)
        answers = make_queries(system, encoder)
        for number in range(600):
            query = f"{{ rates {{ items {{ a{number}: price {'b' * 90}{number}: id }} }} }}"
            prepared = system.operations.prepare(GraphQLRequest(query))
            assert prepared.plan
            assert answers.answer(prepared.plan, None)
            assert encoder.weight <= 2 * 50_000


@pytest.mark.slow
async def test_a_client_with_ever_new_lists_evicts_none_and_fills_no_memory() -> None:
    """A list is kept from the second time on, and its symbols count, known or not."""
    async with both() as system:
        await system.write(build_ticker())
        encoder = ResponseEncoder(SCHEMA._schema, system.gateway.rates, max_bytes=1_000_000)
        answers = make_queries(system, encoder)

        def ask(*symbols: str) -> None:
            query = "query($s: [Symbol!]!) { rates(symbols: $s) { items { price } } }"
            plan = system.operations.prepare(GraphQLRequest(query, {"s": list(symbols)})).plan
            assert plan
            assert answers.answer(plan, None)

        for _ in range(2):
            ask("BTC/USDT")
        for number in range(50):
            ask("BTC/USDT", *(f"A{number}/B{each}" for each in range(200)))
        assert len(encoder._encoded_lists) == 1
        for number in range(50, 100):
            for _ in range(2):
                ask("BTC/USDT", *(f"A{number}/B{each}" for each in range(200)))
        assert 10 < len(encoder._encoded_lists) <= 1_000_000 / (200 * QUERY_BYTES_PER_SYMBOL)
