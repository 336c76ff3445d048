"""The rows of the market table are changed in place: a move costs no cell."""

import pytest

from rates.source import Source
from tests.dashboard.browser import Browser
from tests.dashboard.conftest import Market
from tests.dashboard.table_market import SYMBOLS, cell, text

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.servers]

BTC, ETH = "BTC/USDT", "ETH/USDT"


async def test_a_row_that_moves_keeps_its_cells(market: Market, page: Browser) -> None:
    """Only its place among the others is another one."""
    await market.reset()
    async with market.serving():
        await market.write(BTC, "60000.00", Source.OKX)
        await market.write(ETH, "3000.00", Source.OKX)
        await page.open(f"/?sort=price&dir=desc&symbols={BTC},{ETH}")
        await page.until(f"{SYMBOLS}.join() === '{BTC},{ETH}'")
        await page.evaluate(
            f"(window.kept = [{cell(ETH, 'price')}, {cell(BTC, 'price')}, {cell(ETH, 'price')}.firstChild]) && 1"
        )
        await market.write(ETH, "70000.00", Source.OKX)
        await page.until(f"{SYMBOLS}.join() === '{ETH},{BTC}'")
        now = f"[{cell(ETH, 'price')}, {cell(BTC, 'price')}, {cell(ETH, 'price')}.firstChild]"
        assert await page.evaluate(f"{now}.every((each, index) => each === kept[index])")


async def test_a_price_and_an_age_change_a_text_and_no_element(market: Market, page: Browser) -> None:
    """Nothing is put into a row nor taken from it; an expired price has a new age each second."""
    await market.reset()
    async with market.serving():
        await market.write(BTC, "60000.00")
        await market.write(ETH, "3000.00", Source.OKX)
        await page.open(f"/?sort=price&dir=desc&symbols={BTC},{ETH}")
        await page.until(f"{cell(BTC, 'age')}?.firstChild?.dataset.freshness === 'EXPIRED'")
        await page.until("document.querySelector('.instrument .asset')?.innerText === 'Bitcoin'")
        await page.evaluate(
            """(window.moved = [], new MutationObserver((changes) =>
                 moved.push(...changes.flatMap((each) => [...each.addedNodes, ...each.removedNodes].map((node) => node.nodeName))))
                 .observe(document.querySelector('.rows'), { childList: true, subtree: true })), 1"""
        )
        await market.write(ETH, "3001.00", Source.OKX)
        await page.until(f"{text(ETH, 'price')}.includes('3,001')")
        for _ in range(2):
            before = await page.evaluate(text(BTC, "age"))
            await page.until(f"{text(BTC, 'age')} !== {before!r}")
        assert await page.evaluate("moved") == []


async def test_a_row_is_written_four_times_a_second_at_most(market: Market, page: Browser) -> None:
    """Its prices, its consensus and its age change at different times, and are painted together."""
    await market.reset()
    async with market.serving(), market.moving(BTC):
        await market.write(BTC, "60000.00", Source.OKX)
        await page.open(f"/?symbols={BTC}")
        await page.until(f"{text(BTC, 'price')} !== ''")
        await page.evaluate(
            """(window.times = [], new MutationObserver(() => times.push(document.timeline.currentTime))
                 .observe(document.querySelector('.rows'), { characterData: true, subtree: true })), 1"""
        )
        await page.until("times.length > 12")
        gaps = await page.evaluate_as(list[float], "times.slice(1).map((each, index) => each - times[index])")
        # A frame is begun some milliseconds late.
        assert min(gaps) > 200, gaps
