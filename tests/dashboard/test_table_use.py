"""The market table in use: keys, columns, groups, lists, copies, exports, search."""

import csv
import io
import json
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.dashboard.browser import PHONE, Browser, browsing
from tests.dashboard.conftest import Market
from tests.dashboard.table_market import (
    BTC,
    BY_SYMBOL,
    FLOW,
    HEADS,
    RATES,
    SYMBOLS,
    WIDE,
    cell,
    kept_fresh,
    visit,
)

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.servers]


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def page(market: Market) -> AsyncIterator[Browser]:
    """A browser on a market of a few instruments."""
    await market.reset()
    async with kept_fresh(market), market.serving(), browsing(market.url) as browser:
        yield browser
        assert await browser.seen() == {"complaints": [], "foreign": []}


async def test_selected_rows_are_copied_as_cells_with_all_digits(page: Browser) -> None:
    """Space and Shift with the arrows select; the clipboard has tabs between cells."""
    await visit(page, BY_SYMBOL)
    await page.evaluate("document.getElementById('market').focus()")
    await page.press("Home")
    await page.press("Shift+ArrowDown")
    await page.until("document.querySelectorAll('[aria-selected=true]').length === 2")
    await page.press("Control+c")
    # The page writes to the clipboard beside the key.
    copied = "navigator.clipboard.readText().then((text) => text.includes('\\n') && text)"
    lines = (await page.value(str, copied)).split("\n")
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
    await page.until("navigator.clipboard.readText().then((text) => text === '123456789012345.12')")


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
    assert await page.evaluate("new URLSearchParams(location.search).get('symbol')") is None


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
    """A link opens its instruments in a browser that has no such list, and keeps them there."""
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
    """The rows and columns that are shown, in their order."""
    await visit(page, BY_SYMBOL)
    await page.evaluate(
        "(() => { const make = URL.createObjectURL; URL.createObjectURL = (blob) => { window.saved = blob; return make.call(URL, blob); }; })()"
    )
    await page.click(".toolbar > button:text-is('CSV')")
    written = await page.value(str, "window.saved?.text()")
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
    await page.until(f"{SYMBOLS}.length > 0 && !{SYMBOLS}.includes('ETH/USDT')")
    await page.type_text("quote:usd ether")
    await page.until(f"{SYMBOLS}[0] === 'ETH/USD' && {SYMBOLS}.every((symbol) => symbol.endsWith('/USD'))")
    await page.press("Enter")
    await page.until("document.activeElement.id === 'market'")
    await page.open("/?q=eth", **WIDE)
    await page.until(f"{SYMBOLS}.slice(0, 2).every((symbol) => symbol.startsWith('ETH/'))")
    await page.until("document.querySelector('.head [aria-sort]') === null")
