"""The market table: what its rows show, columns, groups, lists, copies, exports, search and sizes."""

import asyncio
import csv
import io
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Unpack

import pytest
import pytest_asyncio

from cache.redis_sink import RedisTickerSink
from rates.clock import utc_now
from rates.redis_keys import RedisKeys
from rates.source import Source
from rates.ticker import Ticker
from tests.dashboard.browser import PHONE, Browser, ContextOptions, browsing
from tests.dashboard.conftest import Market
from tests.dashboard.seeded_history import floor_minute, generate_minutes, seed_history
from tests.gateway.fakes import build_ticker

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.servers]

BTC, FLOW, BIG = "BTC/USD", "FLOW/USD", "BONK/USD"
DAY_MINUTES = 1440
ROWS = "document.querySelectorAll('.grid [role=rowheader]').length"
SYMBOLS = "[...document.querySelectorAll('.grid [data-symbol]')].map((row) => row.dataset.symbol)"
HEADS = "[...document.querySelectorAll('.head [role=columnheader]')].map((head) => head.innerText.replace(/ [↓↑]/, ''))"
CLIPBOARD = ["clipboard-read", "clipboard-write"]
WIDE: ContextOptions = {"viewport": {"width": 1600, "height": 900}, "permissions": CLIPBOARD}


def cell(symbol: str, column: str) -> str:
    """A script for a cell's element."""
    return f'document.querySelector(\'[data-symbol="{symbol}"] [data-column="{column}"]\')'


def text(symbol: str, column: str) -> str:
    return f"({cell(symbol, column)}?.innerText ?? '')"


RATES = [
    (BTC, "62386.41", Source.COINBASE, "100"),
    (BTC, "62386.40", Source.KRAKEN, "50"),
    (BTC, "62386.4183912345", Source.COINGECKO, None),
    (FLOW, "0.4000", Source.COINBASE, "10"),
    (FLOW, "0.4000", Source.KRAKEN, "10"),
    (FLOW, "0.4101", Source.COINGECKO, None),
    (BIG, "123456789012345.12", Source.COINGECKO, None),
    ("ETH/USD", "2501.25", Source.KRAKEN, "1000"),
    ("ETH/USDT", "2501.3", Source.BINANCE, "2000"),
    ("USDT/USD", "0.9999", Source.KRAKEN, "1"),
]

BY_SYMBOL = f"/?sort=symbol&dir=asc&symbols={','.join(sorted({symbol for symbol, *_ in RATES}))}"


def _ticker(now: datetime, symbol: str, price: str, source: Source, volume: str | None) -> Ticker:
    return build_ticker(
        symbol,
        price,
        source=source,
        observed_at=now,
        simulated=True,
        volume_24h=None if volume is None else Decimal(volume),
        change_percent_24h=Decimal("1.25"),
    )


@asynccontextmanager
async def kept_fresh(market: Market) -> AsyncIterator[None]:
    """Write all rates again each second within the block."""
    sink = RedisTickerSink(market.redis, RedisKeys(simulated=True))

    async def write() -> None:
        while True:
            now = utc_now()
            # A message of the cache is of one source.
            for wanted in {source for _, _, source, _ in RATES}:
                await sink.write([_ticker(now, *rate) for rate in RATES if rate[2] is wanted])
            await asyncio.sleep(1)

    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(write())
        try:
            yield
        finally:
            task.cancel()


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def page(market: Market) -> AsyncIterator[Browser]:
    """A browser on a market of a few instruments, one of them with a history of two days."""
    await market.redis.flushall()
    end = floor_minute(utc_now())
    minutes = generate_minutes(end - timedelta(minutes=2 * DAY_MINUTES), 2 * DAY_MINUTES)
    await seed_history(market.database_url, BTC, list(minutes), Source.COINBASE)
    async with kept_fresh(market), market.serving(), browsing(market.url) as browser:
        yield browser
        assert await browser.seen() == {"complaints": [], "foreign": []}


async def visit(page: Browser, path: str = "/", **context: Unpack[ContextOptions]) -> None:
    await page.open(path, **{**WIDE, **context})
    await page.until(f"{SYMBOLS}.includes('{BTC}')")
    await page.until(f"{text(BTC, 'price')}.includes('62,386.4')")
    # Narrow tables have the lead below the name.
    await page.until(f"{cell(FLOW, 'lead')} === null || {text(FLOW, 'lead')} === 'Median of 2'")


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


async def test_selected_rows_are_copied_as_cells_with_all_digits(page: Browser) -> None:
    """Space and Shift with the arrows select; the clipboard has tabs between cells."""
    await visit(page, BY_SYMBOL)
    await page.evaluate("document.getElementById('market').focus()")
    await page.press("Home")
    await page.press("Shift+ArrowDown")
    await page.until("document.querySelectorAll('[aria-selected=true]').length === 2")
    await page.press("Control+c")
    lines = (await page.evaluate_as(str, "navigator.clipboard.readText()")).split("\n")
    assert [line.split("\t")[0] for line in lines] == ["BONK/USD", "BTC/USD"]
    assert lines[0].split("\t")[1] == "123456789012345.12"
    assert "62386.4183912345" in lines[1].split("\t")
    await page.press("Escape")
    await page.until("document.querySelectorAll('[aria-selected=true]').length === 0")


async def test_the_exact_figure_of_a_cell_is_reached_by_keys_and_copied(page: Browser) -> None:
    """Arrows go into the cells; the exact text stands below the table."""
    await visit(page, BY_SYMBOL)
    await page.evaluate("document.getElementById('market').focus()")
    await page.press("Home")
    await page.press("ArrowRight")
    await page.press("ArrowRight")
    await page.until("document.querySelector('.figure-bar .exact')?.innerText === '123456789012345.12'")
    named = "document.getElementById(document.getElementById('market').getAttribute('aria-activedescendant'))"
    assert await page.evaluate(f"{named}.dataset.column") == "price"
    await page.press("Control+c")
    assert await page.evaluate("navigator.clipboard.readText()") == "123456789012345.12"


async def test_a_long_touch_shows_the_exact_figure_on_a_phone(page: Browser) -> None:
    """A finger that rests on a figure does not open the row."""
    await visit(page, BY_SYMBOL, **PHONE)
    touch = f"""new Promise((done) => {{
      const price = {cell(BTC, "price")};
      const send = (name) => price.dispatchEvent(new PointerEvent(name, {{ pointerType: 'touch', bubbles: true }}));
      send('pointerdown');
      const wait = () => document.querySelector('.figure-bar') === null ? setTimeout(wait, 50) : (send('pointerup'), price.click(), done(true));
      wait();
    }})"""
    assert await page.evaluate(touch) is True
    assert await page.evaluate("document.querySelector('.figure-bar .exact').innerText") == "62386.405"
    assert await page.evaluate("location.search") == ""


async def test_columns_are_hidden_moved_and_kept(page: Browser) -> None:
    """In the dialog by keys, at the head with Alt and the arrows; a reload keeps both."""
    await visit(page)
    first = await page.evaluate_as(list[str], HEADS)
    assert first[:4] == ["Instrument", "Price", "By", "1 h"]
    await page.evaluate("document.querySelector('.head [title=\"Age of the price\"]').focus()")
    for _ in range(3):
        await page.press("Alt+ArrowLeft")
    await page.until(f"{HEADS}.indexOf('Age') === {first.index('Age') - 3}")
    await page.click(".toolbar > button:text-is('View')")
    await page.click(".view li:has-text('Change over 7 days') input")
    await page.until(f"!{HEADS}.includes('7 d')")
    await page.evaluate("document.querySelector('[aria-label=\"Move Price down\"]').click()")
    await page.until(f"{HEADS}.indexOf('Price') === 2")
    await page.press("Escape")
    await page.reload()
    await page.until(f"{SYMBOLS}.includes('{BTC}')")
    kept = await page.evaluate_as(list[str], HEADS)
    assert "7 d" not in kept
    assert kept.index("Price") == 2
    await page.click(".toolbar > button:text-is('View')")
    await page.click(".view button:text-is('First columns again')")
    await page.until(f"{HEADS}.join() === {json.dumps(','.join(first))}")


async def test_rows_are_grouped_by_asset_and_a_group_folds(page: Browser) -> None:
    """All quotes of an asset stand together, below a row that arrows fold."""
    await visit(page)
    await page.click(".toolbar > button:text-is('View')")
    await page.click(".view label:has-text('Group by asset') input")
    await page.press("Escape")
    await page.until("document.querySelectorAll('.row.group').length > 3")
    assert await page.evaluate("document.getElementById('market').getAttribute('role')") == "treegrid"
    await page.until(f"{SYMBOLS}.indexOf('ETH/USD') === {SYMBOLS}.indexOf('ETH/USDT') + 1")
    await page.shows("ETH Ethereum 2 instruments")
    await page.evaluate("document.getElementById('market').focus()")
    await page.press("Home")
    await page.press("ArrowLeft")
    await page.until(f"!{SYMBOLS}.includes('{BTC}')")
    await page.press("ArrowRight")
    await page.until(f"{SYMBOLS}.includes('{BTC}')")


async def test_a_list_has_a_name_and_a_link(page: Browser) -> None:
    """Its link opens the same instruments in a browser that has no such list, and keeps them there."""
    await visit(page)
    await page.click(".toolbar > button:text-is('Lists')")
    await page.evaluate("document.querySelector('.lists form input').focus()")
    await page.type_text("Mine")
    await page.press("Enter")
    await page.press("Escape")
    await page.until("location.search === '?list=Mine'")
    await page.shows("Nothing is in Mine yet.")
    await page.choose(".list-picker select", "all")
    await page.until(f"{SYMBOLS}.includes('{FLOW}')")
    await page.choose(".list-picker select", "list:Mine")
    await page.click(".nothing button")
    await page.until(f"{SYMBOLS}.includes('{FLOW}')")
    lists = json.dumps(json.dumps({"Mine": [FLOW, BTC]}))
    await page.evaluate(f"localStorage.setItem('ratewire.watchlists', {lists})")
    await page.reload()
    await page.until(f"{SYMBOLS}.includes('{BTC}')")
    await page.click(".toolbar > button:text-is('Lists')")
    await page.click(".lists li:has(input) button:has-text('Copy link')")
    await page.shows("The link is on the clipboard.")
    link = await page.evaluate_as(str, "navigator.clipboard.readText()")
    assert link.endswith("/?list=Mine&symbols=FLOW/USD,BTC/USD")
    await visit(page, link[link.index("/?") :])
    await page.until(f"{SYMBOLS}.toSorted().join() === 'BTC/USD,FLOW/USD'")
    await page.click(".toolbar > button:text-is('Keep list')")
    await page.until("location.search === '?list=Mine'")
    assert await page.evaluate(f"{SYMBOLS}.length") == 2


async def test_the_table_is_saved_as_csv_with_all_digits(page: Browser) -> None:
    """What is shown, in the order that is shown."""
    await visit(page, BY_SYMBOL)
    await page.evaluate(
        "(() => { const make = URL.createObjectURL; URL.createObjectURL = (blob) => { window.saved = blob; return make.call(URL, blob); }; })()"
    )
    await page.click(".toolbar > button:text-is('CSV')")
    written = await page.evaluate_as(str, "window.saved.text()")
    rows = list(csv.DictReader(io.StringIO(written)))
    assert [row["Instrument"] for row in rows] == sorted({symbol for symbol, *_ in RATES})
    assert rows[0]["Price"] == "123456789012345.12"
    assert rows[0]["Name"] == "Bonk"
    assert rows[1]["Price of CoinGecko"] == "62386.4183912345"


async def test_filters_are_completed_by_keys_and_narrow_the_table(page: Browser) -> None:
    """`source:`, `quote:`, `stale` and `suspect`; words beside them are ranked by the gateway."""
    await visit(page)
    await page.press("/")
    await page.type_text("sou")
    await page.until("document.querySelector('#completions [role=option]')?.innerText.startsWith('source:')")
    await page.press("ArrowDown")
    await page.press("Enter")
    await page.type_text("kr")
    await page.press("Tab")
    await page.until("document.querySelector('.search input').value === 'source:kraken '")
    await page.until(f"{SYMBOLS}.length > 0 && !{SYMBOLS}.includes('{BTC}')")
    await page.type_text("quote:usd ether")
    await page.until(f"{SYMBOLS}.join() === 'ETH/USD'")
    await page.press("Enter")
    await page.until("document.activeElement.id === 'market'")
    await visit(page, "/?q=eth")
    await page.until(f"{SYMBOLS}.slice(0, 2).every((symbol) => symbol.startsWith('ETH/'))")
    await page.until("document.querySelector('.head [aria-sort]') === null")


@pytest.mark.parametrize("width", [640, 833, 1024, 1271])
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
    """Portrait shows more than the columns of a phone."""
    await visit(page, viewport={"width": 768, "height": 1024})
    right = "[...document.querySelectorAll('.head .cell')].filter((head) => head.getBoundingClientRect().right <= innerWidth).length"
    assert await page.evaluate_as(int, right) >= 7


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
        {"colorScheme": "light"},
        {"colorScheme": "dark"},
        {**PHONE},
        {"forcedColors": "active"},
        {"viewport": {"width": 640, "height": 512}},
    ],
    ids=["light", "dark", "phone", "forced", "zoomed"],
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
