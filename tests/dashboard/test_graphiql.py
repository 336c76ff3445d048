"""GraphiQL in a browser without other origins.

It renders, completes, and every example runs.
"""

import asyncio
import json
from collections.abc import AsyncIterator

import msgspec
import pytest
import pytest_asyncio

from gateway.schema.build import build_schema
from tests.dashboard.browser import PHONE, Browser, browsing
from tests.dashboard.conftest import IS_DRAWING, picture
from tests.dashboard.explorer import Answer, answers, model, open_explorer

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.servers]

QUERIES = ["OneRate", "BulkRates", "Sources", "Convert", "Instruments"]
SUBSCRIPTIONS = ["LiveRates", "Resume", "Consensus"]
LEAST_UPDATES = 3


# What the browser writes to the console when a run came too early (see `answers`).
TRACE_OF_TOO_EARLY = "Failed to load resource: the server responded with a status of 400 (Bad Request)"


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def graphiql(embedded: str) -> AsyncIterator[Browser]:
    """The explorer, opened once because its editor takes seconds to start.

    It reaches no other origin.
    """
    async with browsing(embedded, is_whole=IS_DRAWING) as browser:
        await open_explorer(browser)
        yield browser
        seen = await browser.seen()
        assert seen["foreign"] == []
        assert set(seen["complaints"]) <= {TRACE_OF_TOO_EARLY}


@pytest.mark.parametrize("tab", QUERIES)
async def test_an_example_query_is_answered_without_errors(graphiql: Browser, tab: str) -> None:
    """Every example query works unchanged."""
    answer = await answers(graphiql, tab)
    assert "errors" not in answer
    assert all((answer.get("data") or {"": None}).values())


@pytest.mark.parametrize("tab", SUBSCRIPTIONS)
async def test_an_example_subscription_keeps_updating(graphiql: Browser, tab: str) -> None:
    """At least three updates after the first event, over graphql-ws."""
    seen: list[Answer] = [await answers(graphiql, tab)]
    async with asyncio.timeout(60):
        while len(seen) <= LEAST_UPDATES:
            last = json.dumps(json.dumps(seen[-1], indent=2, ensure_ascii=False))
            text = await graphiql.value(
                str, f"(text => text?.startsWith('{{') && text !== {last} && text)({model('response.json')})"
            )
            seen.append(msgspec.json.decode(text, type=Answer))
    assert all("errors" not in each for each in seen)
    if tab == "LiveRates":
        await picture(graphiql, "graphiql")
    await graphiql.click(".graphiql-execute-button")


async def test_the_documentation_of_the_schema_is_there(graphiql: Browser) -> None:
    """The explorer shows the types with their descriptions."""
    await graphiql.click("[aria-label='Show Documentation Explorer']")
    await graphiql.shows("Docs")
    await graphiql.click(".graphiql-doc-explorer a:has-text('Query')")
    query = build_schema()._schema.query_type
    assert query is not None
    assert query.description is not None
    await graphiql.shows(query.description)


async def test_on_a_phone_the_documentation_takes_the_place_of_the_editors(embedded: str) -> None:
    """A phone has room for one of the two; the same button switches back."""
    async with browsing(embedded) as phone:
        await open_explorer(phone, **PHONE)
        await phone.click("[aria-label='Show Documentation Explorer']")
        await phone.until(
            "document.querySelector('.graphiql-doc-explorer')?.getBoundingClientRect().width > 0.75 * innerWidth"
        )
        await phone.click("[aria-label='Hide Documentation Explorer']")
        await phone.click(".graphiql-execute-button")
        await phone.until(f"{model('response.json')}?.includes('ageMs')")
