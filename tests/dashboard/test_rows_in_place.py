"""The rows of the market table are changed in place: a move costs no cell."""

import pytest

from rates.source import Source
from tests.dashboard.browser import Browser
from tests.dashboard.conftest import Market
from tests.dashboard.table_market import SYMBOLS, cell

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
