"""GraphiQL in a browser that is cut off from everything else: it renders, completes, and every example runs."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from tests.dashboard.browser import Browser, browsing
from tests.dashboard.conftest import picture

pytestmark = pytest.mark.asyncio(loop_scope="module")

QUERIES = ["OneRate", "BulkRates", "Sources", "Convert", "Instruments"]
SUBSCRIPTIONS = ["LiveRates", "Resume", "Consensus"]
LEAST_UPDATES = 3


def model(name: str) -> str:
    """The text of one of GraphiQL's editors."""
    return f"window.__MONACO?.editor.getModels().find(each => each.uri.path.endsWith('{name}'))?.getValue()"


# What GraphiQL and the browser write to the console when a run came too early (see `answers`).
TOO_EARLY = "has no operation named"
TRACES_OF_TOO_EARLY = {
    "Failed to load resource: the server responded with a status of 400 (Bad Request)",
    "Array(1)",
}


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def graphiql(embedded: str) -> AsyncIterator[Browser]:
    """The explorer, opened once: its editor takes seconds to start. It reaches nobody else."""
    async with browsing(embedded) as browser:
        await browser.open("/graphql")
        await browser.until(
            "document.querySelector('.graphiql-query-editor .view-line') !== null", within_s=30
        )
        yield browser
        seen = await browser.seen()
        assert seen["foreign"] == []
        assert set(seen["complaints"]) <= TRACES_OF_TOO_EARLY


async def answers(graphiql: Browser, tab: str) -> dict[str, Any]:
    """The first answer to the example on `tab`.

    GraphiQL learns a tab's operation a moment after it shows the tab, so it is run until there is an answer.
    """
    await graphiql.click(f".graphiql-tab-button:has-text('{tab}')")
    await graphiql.until(f"{model('operation.graphql')}?.includes(' {tab}')")
    for _ in range(10):
        await graphiql.click(".graphiql-execute-button")
        try:
            text = await graphiql.until(model("response.json"), within_s=3)
        except AssertionError:
            continue
        if text.startswith("{") and TOO_EARLY not in text:
            return dict(json.loads(text))
    raise AssertionError(f"{tab} was never answered: {await graphiql.evaluate(model('response.json'))}")


@pytest.mark.parametrize("tab", QUERIES)
async def test_an_example_query_is_answered_without_errors(graphiql: Browser, tab: str) -> None:
    """What a first visitor runs works as it stands."""
    answer = await answers(graphiql, tab)
    assert "errors" not in answer
    assert all(answer["data"].values())


@pytest.mark.parametrize("tab", SUBSCRIPTIONS)
async def test_an_example_subscription_keeps_telling(graphiql: Browser, tab: str) -> None:
    """At least three updates after the first event, over graphql-ws."""
    seen = [await answers(graphiql, tab)]
    async with asyncio.timeout(60):
        while len(seen) <= LEAST_UPDATES:
            last = json.dumps(json.dumps(seen[-1], indent=2, ensure_ascii=False))
            text = await graphiql.until(
                f"(text => text?.startsWith('{{') && text !== {last} && text)({model('response.json')})"
            )
            seen.append(json.loads(text))
    assert all("errors" not in each for each in seen)
    if tab == "LiveRates":
        await picture(graphiql, "graphiql")
    await graphiql.click(".graphiql-execute-button")


async def test_the_documentation_of_the_schema_is_there(graphiql: Browser) -> None:
    """The explorer shows the types with their descriptions."""
    await graphiql.click("[aria-label='Show Documentation Explorer']")
    await graphiql.shows("Docs")
    await graphiql.click(".graphiql-doc-explorer a:has-text('Query')")
    await graphiql.shows("Questions about rates as they stand.")
