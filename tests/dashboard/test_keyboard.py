"""The keyboard alone does: each view is walked through, and all are reached.

The rates are written once. What moves while a viewer is on it has tests with its view.
"""

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
import pytest_asyncio

from rates.clock import utc_now
from rates.source import Source
from tests.dashboard.browser import Browser
from tests.dashboard.conftest import Market
from tests.dashboard.keyboard_walk import walk
from tests.dashboard.seeded_history import floor_minute, generate_minutes, seed_history

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.servers]

BTC, ETH = "BTC/USDT", "ETH/USDT"
MINUTES = 300
NOWHERE = "/nosuchpage"
HAS_PRICE = (
    f"/\\d/.test(document.getElementById('row-{BTC}')?.querySelector('[data-column=price]')?.innerText)"
)
VIEWS = {
    "/": HAS_PRICE,
    f"/?symbol={BTC}": "/\\d+ candles/.test(document.querySelector('.chart-frame + .unseen')?.innerText)"
    " && document.querySelector('.updates tbody tr') !== null && document.querySelector('.identity') !== null",
    "/?q=nosuchthing": "document.querySelector('.nothing button') !== null",
    "/?view=spreads": "document.querySelectorAll('.best tbody tr').length === 2",
    "/?view=converter&amount=2&from=ETH&to=BTC": "/[0-9]/.test(document.querySelector('.result output')?.innerText)",
    f"/wall?symbols={BTC},{ETH},NO/PE": "/[0-9]/.test(document.querySelector('.tile .figure')?.innerText)",
    NOWHERE: "document.querySelector('main a') !== null",
}


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def served(market: Market) -> AsyncIterator[Market]:
    """A served market with a history of one instrument."""
    await market.reset()
    start = floor_minute(utc_now()) - timedelta(minutes=MINUTES)
    await seed_history(market.database_url, BTC, list(generate_minutes(start, MINUTES)), Source.OKX)
    async with market.serving():
        yield market


@pytest_asyncio.fixture(loop_scope="module")
async def still(served: Market) -> None:
    """Two instruments with fresh rates of two sources, which do not change during a test."""
    for symbol, price in ((BTC, 60_000), (ETH, 3_000)):
        for source, lift in ((Source.OKX, 0), (Source.BYBIT, 1)):
            bid = f"{price + lift}.00"
            await served.write(symbol, bid, source, is_trade=True, bid=bid, ask=f"{price + lift}.50")


@pytest.mark.usefixtures("still")
@pytest.mark.parametrize("path", VIEWS)
async def test_the_focus_is_seen_and_reaches_everything(page: Browser, path: str) -> None:
    """Tab goes from the top to the end and leaves the page; each stop is marked and in view."""
    await page.open(path)
    await page.until(VIEWS[path])
    assert await walk(page) == ([], [])


@pytest.mark.usefixtures("still")
async def test_all_views_are_reached_without_a_pointer(page: Browser) -> None:
    """By Enter: links of the header, an instrument, the wallboard; by Escape: back."""
    await page.open("/")
    await page.until(VIEWS["/"])
    for link, is_there in (
        ("Spreads", VIEWS["/?view=spreads"]),
        ("Converter", "document.querySelector('.result output') !== null"),
        ("Market", VIEWS["/"]),
    ):
        await page.evaluate(
            f"[...document.querySelectorAll('.top nav a')].find((each) => each.innerText === '{link}').focus()"
        )
        await page.press("Enter")
        await page.until(is_there)
    await page.press("/")
    await page.type_text(BTC.lower())
    # The search finds similar ones, too, below what was meant.
    await page.until(f"document.querySelector('.grid [data-symbol]')?.dataset.symbol === '{BTC}'")
    await page.press("Enter")
    await page.until("document.activeElement.id === 'market'")
    await page.press("Home")
    await page.until(f"document.activeElement.getAttribute('aria-activedescendant') === 'row-{BTC}'")
    await page.press("Enter")
    await page.until(f"new URLSearchParams(location.search).get('symbol') === '{BTC}'")
    await page.until(VIEWS[f"/?symbol={BTC}"])
    await page.press("Escape")
    await page.until("new URLSearchParams(location.search).get('symbol') === null")
    await page.press("?")
    await page.until("document.querySelector('dialog[open] a[href=\"/wall\"]') !== null")
    await page.evaluate("document.querySelector('dialog[open] a[href=\"/wall\"]').focus()")
    await page.press("Enter")
    await page.until("document.querySelector('.tile .figure') !== null")
