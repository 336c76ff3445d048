"""Operate GraphiQL in a browser."""

from typing import NotRequired, TypedDict, Unpack

import msgspec

from tests.dashboard.browser import Browser, ContextOptions

TOO_EARLY = "has no operation with"


class Answer(TypedDict):
    """A GraphQL answer as the explorer shows it."""

    data: NotRequired[dict[str, object] | None]
    errors: NotRequired[list[dict[str, object]]]


async def open_explorer(browser: Browser, **context: Unpack[ContextOptions]) -> None:
    """Open the explorer in a fresh context and wait until its editor has started."""
    await browser.open("/graphql", **context)
    await browser.until("document.querySelector('.graphiql-query-editor .view-line') !== null", within_s=120)


def model(name: str) -> str:
    """A JavaScript expression for the text of one of GraphiQL's editors."""
    return f"window.__MONACO?.editor.getModels().find(each => each.uri.path.endsWith('{name}'))?.getValue()"


async def answers(graphiql: Browser, tab: str) -> Answer:
    """The first answer to the example on `tab`.

    GraphiQL knows a tab's operation only a moment after it shows the tab, so this runs it until there is an answer.
    """
    await graphiql.click(f".graphiql-tab-button:has-text('{tab}')")
    await graphiql.until(f"{model('operation.graphql')}?.includes(' {tab}')")
    for _ in range(10):
        await graphiql.click(".graphiql-execute-button")
        try:
            text = await graphiql.value(str, model("response.json"), within_s=6)
        except AssertionError:
            continue
        if text.startswith("{") and TOO_EARLY not in text:
            return msgspec.json.decode(text, type=Answer)
    raise AssertionError(f"{tab} got no answer: {await graphiql.evaluate(model('response.json'))}")
