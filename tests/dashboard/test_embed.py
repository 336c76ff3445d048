"""The elements for other pages, and the wallboard in a frame of one."""

import json
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from rates.source import Source
from tests.dashboard.browser import Browser, browsing
from tests.dashboard.conftest import Market
from tests.dashboard.other_site import serving_page

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.servers]

PAGE = """<!doctype html><html lang="en"><title>Shop</title>
<meta http-equiv="content-security-policy"
  content="default-src 'none'; script-src {url}; connect-src {url}; frame-src {url}; style-src 'none'">
<script src="{url}/embed.js" async></script>
<main><h1>Shop</h1>
<p>Bitcoin: <ratewire-rate symbol="btc/usdt"></ratewire-rate></p>
<ratewire-table symbols="BTC/USDT,ETH/USDT,NOPE/USDT" source="binance"></ratewire-table>
<iframe src="{url}/wall?symbols=BTC/USDT" title="Wallboard"></iframe></main></html>"""


def part(element: str, name: str, number: int = 0) -> str:
    return f"document.querySelector('{element}')?.shadowRoot?.querySelectorAll('[part=\"{name}\"]')[{number}]?.textContent"


def state(element: str) -> str:
    return f"document.querySelector('{element}')?.shadowRoot?.querySelector('[data-state]')?.dataset.state"


@pytest_asyncio.fixture(loop_scope="module")
async def shop(market: Market) -> AsyncIterator[Browser]:
    """A browser on a page of another origin, under a strict policy of its own."""
    async with (
        serving_page(PAGE.format(url=market.url)) as url,
        browsing(url, allowed=market.url) as browser,
    ):
        yield browser
        assert (await browser.seen())["foreign"] == []


async def test_the_elements_show_rates_and_their_freshness(market: Market, shop: Browser) -> None:
    """Live, stale by time alone, whole digits, and what is not available with its reason."""
    async with market.serving():
        await market.write("BTC/USDT", "61000.25")
        await market.write("ETH/USDT", "0.00001412345678")
        await shop.open("/")
        rate, table = "ratewire-rate", "ratewire-table"
        await shop.until(f"{part(rate, 'price')} === '61,000.25'")
        await shop.until(f"{part(rate, 'source soft')} === 'Binance'")
        await shop.until(f"{part(table, 'price', 1)} === '0.00001412345678'")
        await shop.until(f"{part(table, 'price', 2)} === '\\u2013'")
        await shop.until(f"{part(rate, 'simulated soft')} === 'simulated'")
        await shop.until(f"{state(rate)} === 'stale'")
        await shop.until(f"{part(rate, 'age soft')}?.includes('stale')")
        await market.write("BTC/USDT", "61001.5")
        await shop.until(f"{part(rate, 'price')} === '61,001.5' && {state(rate)} === 'fresh'")
        assert await shop.axe() == []
        # One stream for all elements of a page.
        streams = (
            "performance.getEntriesByType('resource').filter(each => each.name.includes('/graphql')).length"
        )
        assert await shop.evaluate_as(int, streams) <= 1


async def test_the_elements_go_on_after_a_lost_gateway(market: Market, shop: Browser) -> None:
    """Without the page's help; meanwhile they say that there is no connection."""
    async with market.serving() as gateway:
        await market.write("BTC/USD", "61000.25", Source.COINGECKO)
        await shop.open("/")
        await shop.evaluate("document.querySelector('ratewire-rate').setAttribute('symbol', 'BTC/USD')")
        await shop.until(f"{part('ratewire-rate', 'price')} === '61,000.25'")
        await gateway.kill()
        await shop.until(f"{state('ratewire-rate')} === 'offline'")
    async with market.serving():
        await market.write("BTC/USD", "62000", Source.COINGECKO)
        await shop.until(f"{part('ratewire-rate', 'price')} === '62,000'")


async def test_the_wallboard_stands_in_a_frame_of_a_listed_page_only(market: Market, shop: Browser) -> None:
    """By `embed_origins`; the dashboard stands in none."""
    async with market.serving():
        await market.write("BTC/USDT", "61000.25")
        await shop.open("/")
        await shop.until(f"{json.dumps('frames')} in window && window.frames.length === 1")
        figures = await shop.in_frame(
            "/wall", "document.querySelector('.tile .figure')?.innerText === '61,000.25'"
        )
        assert figures is True
