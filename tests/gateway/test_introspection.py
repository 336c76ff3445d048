"""Descriptions of the schema: executed in a thread, one at a time, shared and cached."""

import asyncio
from threading import Event

import pytest
from graphql import get_introspection_query

from gateway.introspection import Introspection
from gateway.operations import Operations
from gateway.request import GraphQLRequest
from gateway.results import QueryResult, encode
from rates.errors import CacheUnavailable
from tests.cost import holding
from tests.gateway.fakes import TIMEOUT_S, wait_until
from tests.json_types import JsonObject

INTROSPECTION = get_introspection_query(input_value_deprecation=True)
# Another process on the same core makes a measurement too long, never too short.
ATTEMPTS = 3


@pytest.mark.alone
async def test_introspection_holds_the_loop_for_a_few_milliseconds_only(operations: Operations) -> None:
    """The best of `ATTEMPTS` counts."""
    longest: list[float] = []
    for attempt in range(ATTEMPTS):
        # Different, so that nothing is cached.
        prepared = operations.prepare(
            GraphQLRequest(INTROSPECTION.replace("IntrospectionQuery", f"Schema{attempt}"))
        )
        answer = asyncio.create_task(operations.answer(prepared))
        turns: list[float] = []
        while not answer.done():
            with holding() as held:
                await asyncio.sleep(0)
            turns.append(held.ms)
        assert len(answer.result().body) > 50_000
        longest.append(max(turns))
    assert min(longest) < 5


async def test_introspection_has_the_same_bytes_in_its_thread_and_on_the_loop(operations: Operations) -> None:
    """Computed, computed again, and from the cache."""
    prepared = operations.prepare(GraphQLRequest(INTROSPECTION))
    expected = encode(await operations.execute(prepared))
    for _ in range(3):
        assert (await operations.answer(prepared)).body == expected


async def test_equal_operations_share_one_execution_and_others_wait() -> None:
    """A client that leaves ends none of them."""
    introspection, executed, may_end = Introspection(), list[str](), Event()

    def execute(name: str) -> QueryResult:
        executed.append(name)
        assert may_end.wait(TIMEOUT_S)
        return QueryResult(name.encode(), has_errors=False)

    def answer(name: str) -> asyncio.Task[QueryResult]:
        request = GraphQLRequest("{ __schema { description } }", operation_name=name)
        return asyncio.create_task(introspection.answer(request, lambda: execute(name)))

    leaving, *staying = [answer(name) for name in "AABAB"]
    await wait_until(lambda: executed)
    leaving.cancel()
    await asyncio.gather(leaving, return_exceptions=True)
    assert executed == ["A"]
    may_end.set()
    assert [each.body for each in await asyncio.gather(*staying)] == [b"A", b"B", b"A", b"B"]
    assert (await answer("A")).body == b"A"
    assert executed == ["A", "B"]


async def test_an_execution_that_fails_is_not_kept() -> None:
    """All that shared it get its error; the next one executes again."""
    introspection = Introspection()
    request = GraphQLRequest("{ __schema { description } }")

    def fail() -> QueryResult:
        raise CacheUnavailable("gone")

    failed = await asyncio.gather(
        *(introspection.answer(request, fail) for _ in range(2)), return_exceptions=True
    )
    assert [type(each) for each in failed] == [CacheUnavailable] * 2
    result = QueryResult(b"{}", has_errors=False)
    assert await introspection.answer(request, lambda: result) == result


async def test_variables_of_any_kind_are_part_of_the_introspection(operations: Operations) -> None:
    """Integers of any length and nested objects, declared or not."""
    query = "query($n: String!) { __type(name: $n) { name } }"
    for name in ("Rate", "Source", "Rate"):
        variables: JsonObject = {"n": name, "more": {"b": [10**40, 1.5, None], "a": "\u00e9"}}
        answer = await operations.answer(operations.prepare(GraphQLRequest(query, variables)))
        assert answer.body == f'{{"data":{{"__type":{{"name":"{name}"}}}}}}'.encode()
