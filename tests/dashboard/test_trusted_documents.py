"""The pages at a gateway that executes trusted documents only.

And at one that takes no identifiers.
"""

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from runtime.free_port import free_port
from tests.dashboard.browser import Browser, browsing
from tests.dashboard.other_site import serving_page
from tests.e2e.processes import running
from tests.lengths import only_long

pytestmark = pytest.mark.servers

SYMBOL = "BTC/USDT"
SHOP = """<!doctype html><html lang="en"><title>Shop</title>
<script src="{url}/embed.js" async></script>
<main><h1>Shop</h1><ratewire-rate symbol="BTC/USDT"></ratewire-rate></main></html>"""
HAS_PRICE = "/[0-9]/.test(document.querySelector('ratewire-rate')?.shadowRoot?.querySelector('[part=price]')?.textContent)"
# What each view shows once it has its answers.
VIEWS = {
    "/": "[...document.querySelectorAll('tbody tr, [role=row]')].filter(each => /[0-9]/.test(each.innerText)).length > 5",
    f"/?symbol={SYMBOL}": "/[0-9]/.test(document.querySelector('.instrument-head')?.innerText)",
    "/?view=spreads": "/[0-9]/.test(document.querySelector('.spreads tbody tr, .spreads [role=row]')?.innerText)",
    "/?view=converter&from=BTC&to=USDT": "/[0-9]/.test(document.querySelector('.result output')?.innerText)",
    f"/wall?symbols={SYMBOL}": "/[0-9]/.test(document.querySelector('.tile .figure')?.innerText)",
}


@pytest.fixture(params=["only", *only_long("off")])
async def mode(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
async def address(mode: str, tmp_path: Path) -> AsyncIterator[str]:
    """The address of an embedded system in that mode."""
    port = free_port()
    env = {
        "RATEWIRE_GATEWAY_PORT": str(port),
        "RATEWIRE_STANDALONE_FOLDER": str(tmp_path),
        "RATEWIRE_GATEWAY_TRUSTED_DOCUMENTS": mode,
    }
    async with running("up", env=env) as command:
        await command.prints("/graphql")
        yield f"http://127.0.0.1:{port}"


async def check_views(browser: Browser) -> None:
    for path, is_there in VIEWS.items():
        await browser.open(path)
        await browser.until(is_there)


async def test_every_view_and_the_elements_work_whatever_documents_are_trusted(address: str) -> None:
    """With rates, and without an error on the console."""
    async with browsing(address) as browser:
        await check_views(browser)
        assert await browser.seen() == {"complaints": [], "foreign": []}
    async with serving_page(SHOP.format(url=address)) as shop, browsing(shop, allowed=address) as browser:
        await browser.open("/")
        await browser.until(HAS_PRICE)
        assert await browser.seen() == {"complaints": [], "foreign": []}


@pytest.mark.parametrize("mode", ["only"], indirect=True)
async def test_graphiql_says_why_it_cannot_work(address: str, mode: str) -> None:
    """In one sentence, instead of an editor whose queries are refused."""
    async with browsing(address) as browser:
        await browser.open("/graphql")
        await browser.shows("GraphiQL cannot run queries here")
        found = json.dumps(await browser.evaluate("document.querySelector('.graphiql-container') === null"))
        assert found == "true"
        assert await browser.seen() == {"complaints": [], "foreign": []}
        assert await browser.axe() == []
