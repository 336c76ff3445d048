"""GraphiQL as the tests work it."""

import json
from typing import Any

from tests.dashboard.browser import Browser

TOO_EARLY = "has no operation named"


async def open_explorer(browser: Browser, **context: Any) -> None:
    """A fresh visit; its editor takes seconds to start."""
    await browser.open("/graphql", **context)
    await browser.until("document.querySelector('.graphiql-query-editor .view-line') !== null", within_s=30)


def model(name: str) -> str:
    """The text of one of GraphiQL's editors."""
    return f"window.__MONACO?.editor.getModels().find(each => each.uri.path.endsWith('{name}'))?.getValue()"


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
