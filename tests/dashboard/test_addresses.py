"""Addresses as people write them: symbols, links into GraphiQL, and those that lead nowhere."""

import pytest

from tests.dashboard.browser import Browser
from tests.dashboard.explorer import model

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.servers]


@pytest.mark.parametrize("written", ["btc/usdt", "BTC-USDT"])
async def test_a_symbol_is_understood_as_people_write_it(browser: Browser, written: str) -> None:
    """In lower case and with other separators."""
    await browser.open(f"/?symbol={written}")
    await browser.until("document.title.includes('BTC/USDT')")
    await browser.until("document.querySelector('#connection .phase').innerText === 'Live'")


async def test_an_address_that_leads_nowhere_leads_back(browser: Browser) -> None:
    """A page with links, without a finding of axe, and without an error but the 404 itself."""
    await browser.open("/nowhere")
    await browser.shows("There is nothing at this address")
    assert await browser.axe() == []
    await browser.click("main a")
    await browser.until("document.querySelectorAll('.grid [role=rowheader]').length > 0")
    await browser.forget_complaints("404")


async def test_a_link_with_a_query_opens_graphiql_with_it(browser: Browser) -> None:
    """With its variables, and ready to run. A second link adds a tab."""
    await browser.open('/graphql?query=query%20Linked{rate(symbol:"BTC/USDT"){price}}&variables={"a":1}')
    await browser.until(f"{model('operation.graphql')}?.includes('Linked')", within_s=120)
    assert "1" in await browser.evaluate_as(str, model("variables.json"))
    await browser.click(".graphiql-execute-button")
    await browser.until(f"{model('response.json')}?.includes('price')", within_s=60)
