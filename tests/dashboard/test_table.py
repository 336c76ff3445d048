"""The market table: what its rows show, and that it fits."""

import json
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
import pytest_asyncio

from rates.clock import utc_now
from rates.source import Source
from tests.dashboard.browser import PHONE, Browser, ContextOptions, browsing
from tests.dashboard.conftest import Market
from tests.dashboard.seeded_history import floor_minute, generate_minutes, seed_history
from tests.dashboard.table_market import BIG, BTC, FLOW, SYMBOLS, cell, kept_fresh, text, visit
from tests.lengths import only_long

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.servers]

DAY_MINUTES = 1440


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def page(market: Market) -> AsyncIterator[Browser]:
    """A browser on a market of a few instruments, one of them with a history of two days."""
    await market.reset()
    end = floor_minute(utc_now())
    minutes = generate_minutes(end - timedelta(minutes=2 * DAY_MINUTES), 2 * DAY_MINUTES)
    await seed_history(market.database_url, BTC, list(minutes), Source.COINBASE)
    async with kept_fresh(market), market.serving(), browsing(market.url) as browser:
        yield browser
        assert await browser.seen() == {"complaints": [], "foreign": []}


async def test_a_row_shows_the_consensus_of_its_exchanges_and_says_so(page: Browser) -> None:
    """CoinGecko's old price is neither in the price nor in the spread: FLOW/USD has none."""
    await visit(page)
    assert (await page.evaluate_as(str, text(FLOW, "price"))).strip() == "0.4000"
    assert await page.evaluate(text(FLOW, "spread")) == "0.0 bps"
    assert await page.evaluate(text(BTC, "lead")) == "Median of 2"
    assert (
        await page.evaluate(f"{cell(BTC, 'spread')}.firstChild.title")
        == "Kraken 62386.40 to Coinbase 62386.41"
    )
    assert await page.evaluate(text("ETH/USD", "lead")) == "Kraken"


@pytest.mark.parametrize("symbol", [BTC, *only_long(FLOW, "ETH/USD")])
async def test_the_page_of_an_instrument_leads_with_the_price_of_its_row(page: Browser, symbol: str) -> None:
    """The same price, change and source of the price; the title of the window has the price too."""
    await visit(page)
    await page.until(f"{text(symbol, 'lead')} !== '' && {text(symbol, 'change')}.endsWith('%')")
    price, *others = [
        (await page.evaluate_as(str, text(symbol, each))).strip() for each in ("price", "change", "lead")
    ]
    await page.open(f"/?symbol={symbol}")
    figures = "[...document.querySelectorAll('.now > span')].map((each) => each.innerText.trim())"
    await page.until(f"{json.dumps([price, *others])}.every((each) => {figures}.includes(each))")
    assert await page.evaluate("document.title") == f"{price} {symbol} \N{MIDDLE DOT} Ratewire"


async def test_figures_are_whole_or_have_fewer_digits_and_are_never_cut(page: Browser) -> None:
    """One number of decimals in a row, the exact price as the title, no ellipsis anywhere."""
    await visit(page)
    assert await page.evaluate(text(BTC, "source:COINGECKO")) == "62,386.42"
    assert (
        await page.evaluate(f"{cell(BTC, 'source:COINGECKO')}.querySelector('.price').title")
        == "62386.4183912345"
    )
    assert await page.evaluate(text(BTC, "source:KRAKEN")) == "62,386.40"
    assert await page.evaluate(text(BIG, "price")) == "123.4568T"
    cut = "[...document.querySelectorAll('.grid [role=gridcell]')].filter((cell) => cell.scrollWidth > cell.clientWidth).map((cell) => cell.innerText)"
    assert await page.evaluate(cut) == []
    # Where all columns have their least widths, too.
    for width in (1024, 390):
        await visit(page, viewport={"width": width, "height": 800})
        await page.until(f"{text(BTC, 'change')}.endsWith('%')")
        assert await page.evaluate(cut) == []


async def test_a_row_has_a_line_and_changes_by_its_history(page: Browser) -> None:
    """By `summaries`; without a history the change of a day is the one that a source publishes."""
    await visit(page)
    await page.until(f"{cell(BTC, 'spark')}?.querySelector('path') !== null")
    await page.until(f"{text(BTC, 'change1h')}.endsWith('%')")
    assert "by the trades of Coinbase" in await page.evaluate_as(
        str, f"{cell(BTC, 'change')}.firstChild.title"
    )
    assert await page.evaluate(text(BTC, "change7d")) == "\N{EN DASH}"
    assert await page.evaluate(text(FLOW, "change")) == "+1.25 %"
    assert "as Coinbase publishes it" in await page.evaluate_as(
        str, f"{cell(FLOW, 'change')}.firstChild.title"
    )


async def test_volumes_are_in_dollars_and_lead_the_table(page: Browser) -> None:
    """150 BTC come before 2,000 ETH in USDT; the title says how USDT was valued."""
    await visit(page)
    await page.until(f"{text(BTC, 'volume')} === '9.36M'")
    # What a USDT is worth comes with an answer of its own.
    await page.until(f"{text('ETH/USDT', 'volume')} !== '\N{EN DASH}'")
    title = await page.evaluate_as(str, f"{cell('ETH/USDT', 'volume')}.firstChild.title")
    assert title.startswith("5,002,100 USD in 24 hours at Binance")
    assert "1 USDT = 0.9999 USD" in title
    await page.until(f"{SYMBOLS}.slice(0, 3).join() === 'BTC/USD,ETH/USDT,ETH/USD'")
    assert await page.evaluate(text(BIG, "volume")) == "\N{EN DASH}"


async def test_a_click_opens_a_row(page: Browser) -> None:
    """Anywhere in it but on its star."""
    await visit(page)
    await page.click(f"[data-symbol='{FLOW}'] .star")
    assert await page.evaluate("location.search") == ""
    await page.click(f"[data-symbol='{FLOW}'] [data-column=age]")
    await page.until(f"new URLSearchParams(location.search).get('symbol') === '{FLOW}'")


@pytest.mark.parametrize("width", [640, 1271, *only_long(833, 1024)])
async def test_the_name_stays_while_the_figures_are_scrolled(page: Browser, width: int) -> None:
    """Also at 200 % zoom of 1,280 px, which is 640; the page itself never scrolls sideways."""
    await visit(page, viewport={"width": width, "height": 700})
    await page.evaluate("document.getElementById('market').scrollLeft = 300")
    left = f"document.querySelector('[data-symbol=\"{BTC}\"] [role=rowheader]').getBoundingClientRect().left"
    await page.until("document.getElementById('market').scrollLeft > 100")
    await page.until(f"{left} === 0")
    assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    top = f"document.elementFromPoint(40, {cell(BTC, 'symbol')}.getBoundingClientRect().top + 12).closest('.cell').dataset.column"
    assert await page.evaluate(top) == "symbol"


async def test_a_low_window_scrolls_and_gives_the_table_room(page: Browser) -> None:
    """320 by 256 is 1,280 by 1,024 at 400 %: at least three rows can be seen at once."""
    await visit(page, viewport={"width": 320, "height": 256})
    await page.evaluate("document.getElementById('market').scrollIntoView()")
    seen = "document.getElementById('market').clientHeight >= 36 + 3 * document.querySelector('[data-symbol]').offsetHeight"
    assert await page.evaluate(seen)
    assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")


async def test_a_tablet_uses_its_width(page: Browser) -> None:
    """Portrait shows twice the columns of a phone."""
    await visit(page, viewport={"width": 768, "height": 1024})
    right = "[...document.querySelectorAll('.head .cell')].filter((head) => head.getBoundingClientRect().right <= innerWidth).length"
    assert await page.evaluate_as(int, right) >= 6


async def test_the_layout_does_not_shift_while_the_page_loads(page: Browser) -> None:
    """Cumulative layout shift as Chromium measures it, until all parts have come."""
    await visit(page, viewport={"width": 1280, "height": 800})
    await page.until(
        "document.querySelector('.strip li') !== null && document.getElementById('simulated') !== null"
    )
    shifts = """new Promise((done) => new PerformanceObserver((list) => done(list.getEntries().map(({ value, sources }) =>
      [value, sources.map(({ node }) => node?.className ?? node?.nodeName).join()]))).observe({ type: 'layout-shift', buffered: true }))"""
    found = await page.evaluate_as(
        list[tuple[float, str]],
        f"Promise.race([{shifts}, new Promise((done) => setTimeout(() => done([]), 500))])",
    )
    assert sum(value for value, _ in found) < 0.02, found


@pytest.mark.parametrize(
    "look",
    [
        {"colorScheme": "dark"},
        {"viewport": {"width": 640, "height": 512}},
        *only_long({"colorScheme": "light"}, {**PHONE}, {"forcedColors": "active"}),
    ],
    ids=["dark", "zoomed", "light", "phone", "forced"],
)
async def test_axe_finds_nothing_in_the_table_and_its_dialogs(page: Browser, look: ContextOptions) -> None:
    """Of any level, with an active cell, completions and each dialog open."""
    await visit(page, **look)
    await page.evaluate("document.getElementById('market').focus()")
    await page.press("ArrowRight")
    await page.press("ArrowRight")
    await page.until("document.querySelector('.figure-bar') !== null")
    await page.evaluate("document.querySelector('.search input').focus()")
    await page.type_text("sou")
    await page.until("!document.getElementById('completions').hidden")
    assert await page.axe() == []
    await page.press("Escape")
    await page.press("Escape")
    for name in ("View", "Lists"):
        await page.click(f".toolbar > button:text-is('{name}')")
        await page.until("document.querySelector('dialog[open]') !== null")
        assert await page.axe() == []
        await page.press("Escape")
