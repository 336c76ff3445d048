"""Rows of the market table keep their places while the viewer is on one."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from rates.source import Source
from tests.dashboard.browser import Browser, ContextOptions
from tests.dashboard.conftest import Market, document_id
from tests.dashboard.table_market import SYMBOLS, text

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.servers]

BTC, ETH = "BTC/USDT", "ETH/USDT"
HELD = "[...document.querySelectorAll('.counts > :not([data-off])')].some((each) => each.innerText.includes('order held'))"
ACTIVE = "document.activeElement.getAttribute('aria-activedescendant')"
# The table is sorted again every 2 s. By the clock of the page, which a slow machine slows down, too.
SORTED_AGAIN = "(window.ratewireMark ??= performance.now()) + 4500 < performance.now()"


@pytest_asyncio.fixture(loop_scope="module")
async def two(market: Market, page: Browser) -> AsyncIterator[Market]:
    """Two instruments, sorted by price."""
    await market.reset()
    async with market.serving():
        await market.write(BTC, "60000.00", Source.OKX)
        await market.write(ETH, "3000.00", Source.OKX)
        await page.open(f"/?sort=price&dir=desc&symbols={BTC},{ETH}")
        await page.until(f"{SYMBOLS}.join() === '{BTC},{ETH}'")
        yield market


async def test_rows_keep_their_places_while_the_keys_are_on_one(two: Market, page: Browser) -> None:
    """Figures change, places do not, and the page says so, until the focus leaves.

    A star is no reason either.
    """
    await page.press("/")
    await page.press("Enter")
    await page.press("End")
    await page.until(f"{ACTIVE} === 'row-{ETH}' && {HELD}")
    await two.write(ETH, "70000.00", Source.OKX)
    await page.until(f"{text(ETH, 'price')}.includes('70,000')")
    await page.press("f")
    await page.until(SORTED_AGAIN)
    assert await page.evaluate(f"{SYMBOLS}.join() === '{BTC},{ETH}' && {HELD}")
    await page.press("f")
    await page.evaluate("document.activeElement.blur()")
    await page.until(f"{SYMBOLS}.join() === '{ETH},{BTC}' && !{HELD}")


@pytest.mark.parametrize(("width", "height"), [(390, 844), (640, 400)])
async def test_a_small_window_says_that_the_order_is_held(
    two: Market, page: Browser, width: int, height: int
) -> None:
    """It has no room for the counts, but the rows keep their places there as well."""
    viewport: ContextOptions = {"viewport": {"width": width, "height": height}}
    await page.open(f"/?sort=price&dir=desc&symbols={BTC},{ETH}", **viewport)
    await page.until(f"{SYMBOLS}.join() === '{BTC},{ETH}'")
    place = "document.querySelector('.counts > :last-child')"
    in_window = f"(({{ top, left, bottom, right }}) => top >= 0 && left >= 0 && bottom <= innerHeight && right <= innerWidth)({place}.getBoundingClientRect())"
    seen = f"getComputedStyle({place}).visibility === 'visible' && {in_window}"
    assert not await page.evaluate(seen)
    await page.press("/")
    await page.press("Enter")
    await page.press("End")
    await page.until(f"{HELD} && {seen}")


async def test_rows_keep_their_places_while_the_pointer_rests_on_one(two: Market, page: Browser) -> None:
    """A click opens what is under the pointer when it begins."""
    await page.wheel(f'[data-symbol="{ETH}"] .price', 0)
    await page.until(HELD)
    await two.write(ETH, "70000.00", Source.OKX)
    await page.until(f"{text(ETH, 'price')}.includes('70,000')")
    await page.until(SORTED_AGAIN)
    assert await page.evaluate(f"{SYMBOLS}.join() === '{BTC},{ETH}'")
    # A heading sorts at once, even so.
    await page.evaluate("document.querySelector('.head .symbol button').click()")
    await page.evaluate("document.querySelector('.head .price button').click()")
    await page.until(f"{SYMBOLS}.join() === '{ETH},{BTC}'")
    await page.wheel(".brand", 0)
    await page.until(f"!{HELD}")


async def test_the_active_row_is_in_view_when_the_focus_comes_back(market: Market, page: Browser) -> None:
    """It has moved far away while the focus was elsewhere."""
    await market.reset()
    async with market.serving():
        symbols = [
            f"{base}/USD" for base in ("ADA", "BCH", "BTC", "DOGE", "DOT", "ETH", "LINK", "LTC", "SOL", "XRP")
        ]
        for number, symbol in enumerate(symbols):
            await market.write(symbol, f"{100 - number}.00", Source.KRAKEN)
        await page.open("/?sort=price&dir=desc", viewport={"width": 1000, "height": 430})
        await page.until(f"{SYMBOLS}[0] === 'ADA/USD'")
        await page.press("/")
        await page.press("Enter")
        await page.press("Home")
        await page.until(f"{ACTIVE} === 'row-ADA/USD'")
        await page.evaluate("document.activeElement.blur()")
        await market.write("ADA/USD", "0.5", Source.KRAKEN)
        seen = (
            "(({ top, bottom }, grid) => top >= grid.top && bottom <= grid.bottom + 1)"
            "(document.getElementById('row-ADA/USD').getBoundingClientRect(), document.getElementById('market').getBoundingClientRect())"
        )
        await page.until(f"!{seen}")
        await page.press("/")
        await page.press("Enter")
        await page.until(seen)


async def test_names_are_written_as_they_arrive(market: Market, page: Browser) -> None:
    """Also where nothing else changes in the rows: they are not sorted again by their symbols."""
    await market.reset()
    async with market.serving():
        await market.write(BTC, "60000.00", Source.OKX)
        await page.open(f"/?sort=symbol&dir=asc&symbols={BTC}", block=document_id("InstrumentNames"))
        await page.until(f"{text(BTC, 'price')}.includes('60,000')")
        await page.unblock()
        await page.until("document.querySelector('.grid .instrument .asset')?.innerText === 'Bitcoin'")
