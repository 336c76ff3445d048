"""A source that may mean another asset by a code is shown in its row and among the sources."""

from datetime import timedelta

import pytest

from instruments.identity.identity_records import IdentityRecords
from instruments.store import InstrumentStore
from rates.clock import utc_now
from rates.source import Source
from rates.symbol import parse_symbol
from rates.ticker import TickerKey
from tests.dashboard.browser import browsing
from tests.dashboard.conftest import IS_DRAWING, Market, picture

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.servers]

DOGE = parse_symbol("DOGE/USDT")
BADGE = "document.getElementById('row-DOGE/USDT')?.querySelector('.suspect')?.innerText ?? ''"
PANEL = "document.getElementById('source-panel').innerText"


async def test_a_suspect_identity_is_named_in_its_row_and_in_the_figures_of_the_sources(
    market: Market,
) -> None:
    """With the distance as its title, until an operator decides."""
    store = InstrumentStore(market.database_url, simulated=True)
    detail = "0.02965 here, 0.0002666 at another source: 111 times as much"
    await IdentityRecords(store).suspect(
        {TickerKey(Source.BYBIT, DOGE): detail}, now=utc_now() - timedelta(minutes=1)
    )
    await market.write("DOGE/USDT", "0.0002666")
    await market.write("DOGE/USDT", "0.0002667", Source.OKX)
    async with market.serving(), browsing(market.url, is_whole=IS_DRAWING) as browser:
        await browser.open("/")
        await browser.until(f"{BADGE}.includes('suspect: Bybit')")
        title = "document.getElementById('row-DOGE/USDT').querySelector('.suspect').title"
        assert "111 times as much" in str(await browser.evaluate(title))
        await browser.click(".strip button")
        await browser.until(f"{PANEL}.includes('Suspect identity') && {PANEL}.includes('DOGE/USDT')")
        await picture(browser, "suspects")
    await IdentityRecords(store).confirm(Source.BYBIT, DOGE, now=utc_now())
    await store.close()


async def test_the_columns_keep_their_places_while_one_source_alone_has_rates(market: Market) -> None:
    """It has no column of its own, and the others stay side by side."""
    await market.reset()
    await market.write("DOGE/USDT", "0.0002666")
    async with market.serving(), browsing(market.url, is_whole=IS_DRAWING) as browser:
        await browser.open("/")
        await browser.shows("DOGE/USDT")
        lefts = "[...document.querySelectorAll('[role=columnheader]')].map(each => each.getBoundingClientRect().left)"
        found = await browser.evaluate_as(list[float], lefts)
        assert len(set(found)) == len(found)
