"""The spread view: the best quotes over all sources, what is left out of it, keys."""

from datetime import timedelta

import pytest

from rates.source import Source
from tests.dashboard.browser import Browser
from tests.dashboard.conftest import BINANCE_TTL_S, Market, document_id

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.servers]

BTC, ETH = "BTC/USDT", "ETH/USDT"
ROWS = "[...document.querySelectorAll('.best tbody tr')].map(each => each.innerText.replace(/\\s+/g, ' '))"
BODY = "document.querySelector('main').innerText"
HELD = "document.querySelector('.spread-tools .held').innerText"


async def quote(market: Market, symbol: str, source: Source, bid: str, ask: str, **age: float) -> None:
    await market.write(symbol, bid, source, age=timedelta(**age), bid=bid, ask=ask)


async def quote_two(market: Market) -> None:
    """Quote BTC and ETH at two exchanges, whose prices are a dollar apart.

    A dollar is more of 3,000 than of 60,000.
    """
    for source, lift in ((Source.OKX, 0), (Source.BYBIT, 1)):
        await quote(market, BTC, source, f"{60_000 + lift}.00", f"{60_000 + lift}.50")
        await quote(market, ETH, source, f"{3_000 + lift}.00", f"{3_000 + lift}.50")


async def test_the_best_quotes_are_compared_while_both_are_fresh(market: Market, page: Browser) -> None:
    """Live, with both ages; a source whose quote is stale drops out, and the instrument with it."""
    await market.reset()
    async with market.serving():
        await quote(market, BTC, Source.OKX, "60010.00", "60011.00")
        await quote(market, BTC, Source.BYBIT, "60000.00", "60001.00")
        await page.open("/")
        await page.click("a[href='/?view=spreads']")
        await page.until(f"{ROWS}.length === 1")
        # Seller at Bybit, buyer at OKX: 9 of 60,005.
        await page.until(
            f"/^BTC Bitcoin 60,001.00 USDT Bybit, \\d+ s 60,010.00 USDT OKX, \\d+ s .1.5 bps/.test({ROWS}[0])"
        )
        await quote(market, BTC, Source.OKX, "59990.00", "60000.50")
        await page.until(f"{ROWS}[0].includes('60,000.50 USDT OKX')")
        # The same as a pair, by the keyboard.
        await page.evaluate("document.querySelector('.spreads .choice button:last-child').focus()")
        await page.press("Enter")
        await page.until(f"{ROWS}[0]?.startsWith('BTC/USDT') && location.search.includes('rows=pair')")


async def test_quotes_in_two_currencies_are_compared_by_what_these_are_worth(
    market: Market, page: Browser
) -> None:
    """A seller in USDT, a buyer in USD, the gap by the market of USDT, the age of the value."""
    await market.reset()
    async with market.serving():
        await quote(market, BTC, Source.OKX, "60000.00", "60001.00")
        await quote(market, "BTC/USD", Source.KRAKEN, "59800.00", "59801.00")
        await page.open("/?view=spreads")
        # Without a market of USDT it has no value: one by way of the two quotes themselves would make them equal.
        await page.until(f"{BODY}.includes('fewer than two exchanges')")
        # 60,001 USDT are 59,400.99 USD: far below what Kraken's buyers offer.
        await market.write("USDT/USD", "0.99", Source.KRAKEN, is_trade=True)
        await page.until(f"/^BTC Bitcoin 60,001.00 USDT OKX.* 59,800.00 USD Kraken/.test({ROWS}[0])")
        await page.until(f"{ROWS}[0].includes('valued in USD') && /\\+[56]\\d bps/.test({ROWS}[0])")


async def test_a_stale_quote_is_not_compared(market: Market, page: Browser) -> None:
    """Binance has a TTL of a few seconds here."""
    await market.reset()
    async with market.serving():
        await quote(market, BTC, Source.BINANCE, "60010.00", "60011.00", seconds=BINANCE_TTL_S + 1)
        await quote(market, BTC, Source.OKX, "60000.00", "60001.00")
        await page.open("/?view=spreads")
        await page.until(f"{BODY}.includes('fewer than two exchanges')")
        await quote(market, BTC, Source.BINANCE, "60010.00", "60011.00")
        await page.until(f"{ROWS}.length === 1")
        # Its own time passes.
        await page.until(f"{ROWS}.length === 0", within_s=BINANCE_TTL_S + 60)


async def test_the_order_stands_in_the_address_and_the_keyboard_reaches_all(
    market: Market, page: Browser
) -> None:
    """Headings sort, `/` searches, links lead to instruments, Escape leads back."""
    await market.reset()
    async with market.serving():
        await quote_two(market)
        await page.open("/?view=spreads")
        await page.until(f"{ROWS}.length === 2 && {ROWS}[0].startsWith('ETH')")
        await page.evaluate("document.querySelector('.best th.symbol button').focus()")
        await page.press("Enter")
        await page.until(f"{ROWS}[0].startsWith('BTC') && location.search.includes('by=symbol')")
        await page.press("Enter")
        await page.until(f"{ROWS}[0].startsWith('ETH') && location.search.includes('order=desc')")
        await page.press("/")
        await page.type_text("bitcoin")
        await page.until(f"{ROWS}.length === 1 && {ROWS}[0].startsWith('BTC')")
        await page.evaluate("document.querySelector('.best a').focus()")
        await page.press("Enter")
        await page.until("location.search.includes('symbol=BTC/USDT')")
        await page.open("/?view=spreads")
        await page.until(f"{ROWS}.length === 2")
        await page.press("Escape")
        await page.until("document.querySelector('main.market') !== null")


async def test_rows_keep_their_places_while_the_viewer_is_on_one(market: Market, page: Browser) -> None:
    """With focus or pointer on a row its figures change, its place does not; the page says so."""
    await market.reset()
    async with market.serving():
        await quote_two(market)
        await page.open("/?view=spreads")
        await page.until(f"{ROWS}.length === 2 && /^ETH.*\\+1.7 bps/.test({ROWS}[0])")
        await page.evaluate("document.querySelector('.best tbody a').focus()")
        await page.until(f"{HELD}.includes('keep their places')")
        await quote(market, ETH, Source.BYBIT, "3000.00", "3000.50")
        await page.until(f"/^ETH.*\N{MINUS SIGN}1.7 bps/.test({ROWS}[0])")
        assert await page.evaluate("document.activeElement.closest('tr').innerText.startsWith('ETH')")
        await page.evaluate("document.activeElement.blur()")
        await page.until(f"{ROWS}[0].startsWith('BTC') && {HELD} === ''")
        # The pointer rests on a row.
        await page.wheel(".best tbody .gap", 0)
        await page.until(f"{HELD} !== ''")
        await quote(market, ETH, Source.BYBIT, "3001.00", "3001.50")
        await page.until(f"/^ETH.*\\+1.7 bps/.test({ROWS}[1])")
        await page.wheel("h1", 0)
        await page.until(f"{ROWS}[0].startsWith('ETH') && {HELD} === ''")


async def test_quotes_go_on_after_a_restart_without_a_reload(market: Market, page: Browser) -> None:
    """The gateway goes and comes; the page resumes."""
    await market.reset()
    await quote(market, BTC, Source.OKX, "60000.00", "60001.00")
    await quote(market, BTC, Source.BYBIT, "60002.00", "60003.00")
    async with market.serving() as gateway:
        await page.open("/?view=spreads")
        await page.until(f"{ROWS}.length === 1")
        await page.evaluate("window.ratewireTestMark = true")
        await gateway.kill()
    async with market.serving():
        await quote(market, BTC, Source.OKX, "61000.00", "61001.00")
        await quote(market, BTC, Source.BYBIT, "61002.00", "61003.00")
        await page.until(f"{ROWS}[0]?.includes('61,001.00')")
        assert await page.evaluate("window.ratewireTestMark") is True


@pytest.mark.long
async def test_identities_that_do_not_come_are_asked_for_again(market: Market, page: Browser) -> None:
    """A query that hangs is given up and asked again; the page says so meanwhile."""
    await market.reset()
    async with market.serving():
        await quote(market, BTC, Source.OKX, "60000.00", "60001.00")
        await quote(market, BTC, Source.BYBIT, "60002.00", "60003.00")
        await page.open("/?view=spreads", hold=document_id("Identities"))
        await page.shows("The server takes too long with some answers")
        await page.shows("has not answered yet which quotes are of the same assets")
        assert await page.axe() == []
        await page.unblock()
        await page.until(f"{ROWS}.length === 1")
        await page.until("document.querySelector('.banner.late') === null")
