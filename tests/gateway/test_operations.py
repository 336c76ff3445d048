"""Preparation, rejection and execution of operations, independent of the transport."""

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import replace
from datetime import timedelta
from itertools import count

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cache.memory import MemoryCache
from gateway.gateway import Gateway
from gateway.operations import Operations
from gateway.prepared_operation import OperationKind, OperationRejected, RejectionStage
from gateway.request import GraphQLRequest
from gateway.results import encode
from gateway.schema.build import build_schema
from gateway.schema.context import Context, OperationMetadata
from gateway.schema.documents import CheckedDocument, DocumentCache
from gateway.settings import GatewaySettings
from gateway.turn_budget import TurnBudget
from rates.errors import CacheUnavailable
from rates.source import Source
from tests.gateway.fakes import FakeClock
from tests.gateway.fixture_types import BuildTicker, Until

SEVERAL = "query A { __typename } subscription B { sources { state } }"


@pytest.mark.parametrize(
    ("query", "name", "kind"),
    [
        ("{ __typename }", None, OperationKind.QUERY),
        ("query A { __typename }", None, OperationKind.QUERY),
        (SEVERAL, "A", OperationKind.QUERY),
        (SEVERAL, "B", OperationKind.SUBSCRIPTION),
    ],
)
async def test_the_operation_is_the_named_or_the_only_one(
    operations: Operations, query: str, name: str | None, kind: OperationKind
) -> None:
    """Its kind decides which transports can answer."""
    assert operations.prepare(GraphQLRequest(query, operation_name=name)).kind is kind


@pytest.mark.parametrize(
    ("request_", "failure", "kind"),
    [
        (GraphQLRequest("{"), RejectionStage.SYNTAX, None),
        (GraphQLRequest(""), RejectionStage.SYNTAX, None),
        (GraphQLRequest("{ nope }"), RejectionStage.VALIDATION, OperationKind.QUERY),
        (GraphQLRequest("subscription { nope }"), RejectionStage.VALIDATION, OperationKind.SUBSCRIPTION),
        (GraphQLRequest("mutation { nope }"), RejectionStage.VALIDATION, OperationKind.MUTATION),
        (GraphQLRequest(SEVERAL), RejectionStage.OPERATION, None),
        (GraphQLRequest(SEVERAL, operation_name="C"), RejectionStage.OPERATION, None),
        (
            GraphQLRequest("query($s: Symbol!) { rate(symbol: $s) { id } }"),
            RejectionStage.VARIABLES,
            OperationKind.QUERY,
        ),
    ],
)
async def test_a_refusal_says_at_which_step(
    operations: Operations, request_: GraphQLRequest, failure: RejectionStage, kind: OperationKind | None
) -> None:
    """With formatted errors that carry codes, and the kind of operation where that can be told."""
    with pytest.raises(OperationRejected) as caught:
        operations.prepare(request_)
    assert (caught.value.stage, caught.value.kind) == (failure, kind)
    assert all(error["message"] and error["extensions"]["code"] for error in caught.value.errors)


async def test_a_stream_that_cannot_be_made_is_refused_before_it_begins(operations: Operations) -> None:
    """Not by its first result."""
    prepared = operations.prepare(GraphQLRequest('subscription { rates(after: "x") { kind } }'))
    with pytest.raises(OperationRejected) as caught:
        await operations.iterate_results(prepared)
    assert caught.value.stage is RejectionStage.SUBSCRIPTION


@pytest.mark.parametrize(
    ("error", "code"),
    [(CacheUnavailable("gone"), "SERVICE_UNAVAILABLE"), (KeyError("bug"), "INTERNAL_SERVER_ERROR")],
)
async def test_what_goes_wrong_in_a_stream_is_its_last_result(
    gateway: Gateway, settings: GatewaySettings, error: Exception, code: str
) -> None:
    """With its code, or masked."""

    class Broken:
        async def iterate_sources(self) -> AsyncGenerator[tuple[()], None]:
            yield ()
            raise error

    context = replace(Context.of(gateway), live_queries=Broken())  # type: ignore[arg-type]  # that is the point
    operations = Operations(build_schema(), context, settings)
    prepared = operations.prepare(GraphQLRequest("subscription { sources { state } }"))
    results = [result async for result in await operations.iterate_results(prepared)]
    assert results[0] == {"data": {"sources": []}}
    assert [each["extensions"]["code"] for each in results[1]["errors"]] == [code]
    assert len(results) == 2


async def test_the_notes_tell_how_long_the_rates_are_good_for(
    operations: Operations,
    gateway: Gateway,
    cache: MemoryCache,
    ticker: BuildTicker,
    clock: FakeClock,
    until: Until,
) -> None:
    """The first that expires decides; an operation's notes are its own."""
    await cache.write([ticker(), ticker("ETH/USDT")])
    await until(lambda: gateway.mirror.positions[Source.BINANCE].seq == 1)
    clock.advance(4)
    first, second = OperationMetadata(), OperationMetadata()
    query = 'a: rate(symbol: "BTC/USDT") { id } b: rate(symbol: "BTC/USDT", maxAgeMs: 5000) { id }'
    await operations.execute(operations.prepare(GraphQLRequest(f"{{ {query} }}")), first)
    await operations.execute(operations.prepare(GraphQLRequest("{ __typename }")), second)
    assert (first.fresh_for, second.fresh_for) == (timedelta(seconds=1), None)


async def test_a_document_that_others_brought_meanwhile_is_not_read_again(
    operations: Operations, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of many requests with one new document that wait for their turn, the first one reads it."""
    texts: list[str] = []
    read = DocumentCache.read_new

    def noted(documents: DocumentCache, text: str) -> CheckedDocument:
        texts.append(text)
        return read(documents, text)

    monkeypatch.setattr(DocumentCache, "read_new", noted)
    # Each piece of work takes a second.
    operations._long_work = TurnBudget(1, cpu_s=count().__next__)
    request = GraphQLRequest("{ __typename }")
    # It is kept from the second time on. This one spends the time of the turn.
    await operations.prepare_in_turn(request)
    await asyncio.gather(*(operations.prepare_in_turn(request, number) for number in range(3)))
    assert len(texts) == 2


@pytest.mark.slow
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.text(max_size=80) | st.from_regex(r"(query|subscription)? ?[{}a-z(): $!]{0,40}", fullmatch=True))
async def test_any_text_is_prepared_or_refused(operations: Operations, text: str) -> None:
    """And the answer can be encoded."""
    try:
        errors = [] if operations.prepare(GraphQLRequest(text)) else None
    except OperationRejected as exc:
        errors = exc.errors
    assert encode({"errors": errors})
