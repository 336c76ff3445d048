"""The wallboard: chosen instruments in big figures, which go on by themselves."""

import json

import pytest

from rates.source import Source
from tests.dashboard.browser import PHONE, Browser, ContextOptions
from tests.dashboard.conftest import Market
from tests.lengths import only_long

pytestmark = pytest.mark.asyncio(loop_scope="module")

TILES = "[...document.querySelectorAll('.tile')].map(each => each.innerText)"


def figure(number: int) -> str:
    return f"document.querySelectorAll('.tile .figure')[{number}]?.innerText"


async def test_it_shows_what_its_address_says(market: Market, page: Browser) -> None:
    """Symbols in their order and a title, without what cannot be a symbol; stale is called so."""
    async with market.serving():
        await market.write("ETH/USDT", "2500.5")
        await market.write("BTC/USD", "61000.25", Source.KRAKEN)
        await page.open("/wall?symbols=btc/usd,nonsense,ETH-USDT,btc/usd,NOPE/USDT&title=Desk&theme=dark")
        await page.until(f"{figure(0)} === '61,000.25' && {figure(1)} === '2,500.5'")
        await page.shows("Simulated data")
        tiles = await page.evaluate_as(list[str], TILES)
        assert len(tiles) == 3
        assert "Kraken" in tiles[0]
        assert "NOPE/USDT" in tiles[2]
        assert await page.evaluate("document.querySelector('h1').innerText") == "Desk"
        await page.until("document.querySelectorAll('.tile')[1].dataset.freshness === 'STALE'")
        assert "stale" in (await page.evaluate_as(list[str], TILES))[1]
        assert await page.axe() == []


async def test_it_goes_on_after_a_lost_gateway(market: Market, page: Browser) -> None:
    """Without a hand: it says that the gateway is away, and then shows what is new."""
    async with market.serving() as gateway:
        await market.write("BTC/USDT", "61000.25")
        await page.open("/wall?symbols=BTC/USDT")
        await page.until(f"{figure(0)} === '61,000.25'")
        await page.evaluate("window.ratewireTestMark = true")
        await gateway.kill()
        await page.shows("The server cannot be reached.")
    async with market.serving():
        await market.write("BTC/USDT", "62000")
        await page.until(f"{figure(0)} === '62,000'")
        assert await page.evaluate("window.ratewireTestMark") is True


@pytest.mark.parametrize("look", [PHONE, *only_long({})], ids=["phone", "screen"])
async def test_figures_are_shown_whole(market: Market, page: Browser, look: ContextOptions) -> None:
    """As large as the tile allows, however long."""
    async with market.serving():
        await market.write("BTC/USDT", "123456789012345.12345678")
        await market.write("DOGE/USDT", "0.25")
        await page.open("/wall?symbols=BTC/USDT,DOGE/USDT", **look)
        await page.until(f"{figure(0)} === '123,456,789,012,345.12345678'")
        overflowing = "[...document.querySelectorAll('.tile .figure')].filter(each => each.scrollWidth > each.clientWidth + 1).length"
        assert await page.evaluate(overflowing) == 0
        assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        size = "parseFloat(getComputedStyle(document.querySelectorAll('.tile .figure')[1]).fontSize)"
        assert await page.evaluate_as(float, size) > 40, json.dumps(look)
