"""The page of an instrument below its chart: quotes, last trades, what the sources mean."""

import json
from datetime import timedelta

import pytest

from history.trade import Side
from instruments.identity.identity_records import IdentityRecords
from instruments.store import InstrumentStore
from rates.clock import utc_now
from rates.source import Source
from rates.symbol import parse_symbol
from rates.ticker import TickerKey
from tests.dashboard.browser import PHONE, Browser, ContextOptions
from tests.dashboard.conftest import Market
from tests.dashboard.live_trades import trading
from tests.lengths import only_long

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.servers]

BTC, DOGE = "BTC/USDT", "DOGE/USDT"
TRADES = (
    "[...document.querySelectorAll('.trades tbody tr')].map(each => each.innerText.replaceAll('\\t', ' '))"
)
IDENTITY = "(document.querySelector('.identity')?.innerText ?? '')"
QUOTES = "(document.querySelector('[aria-label=\"Rates by source\"]')?.innerText ?? '')"


async def test_the_last_trades_are_listed_and_renewed(market: Market, page: Browser) -> None:
    """The newest first, with exact amounts and the side of the taker."""
    await market.reset()
    async with market.serving(), trading(market.redis, Source.BINANCE, BTC) as feed:
        await market.write(BTC, "60000.00", is_trade=True)
        feed.trade(BTC, "60000.10", "0.00012345")
        feed.trade(BTC, "60000.20", "1.5", Side.SELL)
        await page.open(f"/?symbol={BTC}")
        await page.until(f"{TRADES}.length === 2")
        first, second = await page.evaluate_as(list[str], TRADES)
        assert "sell 60,000.20 1.5" in first
        assert "buy 60,000.10 0.00012345" in second
        feed.trade(BTC, "60000.30")
        await page.until(f"{TRADES}[0]?.includes('60,000.30')")


async def test_quotes_have_sizes_and_the_last_trade_an_age(market: Market, page: Browser) -> None:
    """The price may be published again and again, long after its trade."""
    await market.reset()
    async with market.serving():
        await market.write(
            BTC,
            "60000.00",
            age=timedelta(seconds=1),
            bid="59999.5",
            ask="60000.5",
            bid_size="1.25",
            ask_size="0.75",
        )
        await market.write(BTC, "60000.00", Source.OKX, is_trade=True)
        await page.open(f"/?symbol={BTC}")
        await page.until(f"{QUOTES}.includes('1.25') && {QUOTES}.includes('0.75')")
        assert "Last trade" in await page.evaluate_as(str, QUOTES)
        # 1 of 60,000.
        assert "0.2 bps" in await page.evaluate_as(str, QUOTES)


async def test_what_each_source_means_is_listed(market: Market, page: Browser) -> None:
    """With the source's own name for it and the id of the asset."""
    await market.reset()
    async with market.serving():
        await market.write(BTC, "60000.00")
        await page.open(f"/?symbol={BTC}")
        await page.until(
            f"/Binance\\s+BTCUSDT\\s+Bitcoin bitcoin\\s+Tether tether\\s+traded/.test({IDENTITY})"
        )


async def test_candidates_are_named_where_an_identity_is_suspect(market: Market, page: Browser) -> None:
    """The page says since when, and which reviewed assets have the code."""
    await market.reset()
    store = InstrumentStore(market.database_url, simulated=True)
    records = IdentityRecords(store)
    key = TickerKey(Source.BYBIT, parse_symbol(DOGE))
    await records.suspect(
        {key: "0.02965 here, 0.0002666 at another source"}, now=utc_now() - timedelta(minutes=1)
    )
    try:
        async with market.serving():
            await market.write(DOGE, "0.0002666")
            await page.open(f"/?symbol={DOGE}")
            await page.until(f"/Bybit.*suspect since/.test({IDENTITY})")
            candidates = "document.querySelector('.candidates')?.innerText ?? ''"
            # They come with an answer of their own.
            await page.until(f"({candidates}).includes('Dogecoin (dogecoin)')")
    finally:
        await records.confirm(Source.BYBIT, parse_symbol(DOGE), now=utc_now())
        await store.close()


LEAD = "(document.querySelector('.now .lead')?.innerText.trim() ?? '')"


async def test_the_page_says_when_another_price_leads(market: Market, page: Browser) -> None:
    """Binance is not fresh any more after three seconds: one exchange is no consensus."""
    await market.reset()
    async with market.serving():
        await market.write(BTC, "60030.00", Source.OKX)
        async with market.moving(BTC):
            await page.open(f"/?symbol={BTC}")
            await page.until(f"{LEAD} === 'Median of 2'")
        await page.until(f"{LEAD}.endsWith('OKX')")
        await page.until(
            "document.querySelector('.now').innerText.includes('before: the median of the exchanges')"
        )


async def test_without_a_connection_nothing_says_that_the_sources_agree(
    market: Market, page: Browser
) -> None:
    """The figures are the last that arrived.

    Whether they still agree is not known until the gateway is back.
    """
    await market.reset()
    quality = "document.querySelector('.consensus .quality')?.innerText"
    async with market.serving() as gateway:
        await market.write(BTC, "60030.00", Source.OKX)
        await market.write(BTC, "60031.00", Source.BYBIT)
        await page.open(f"/?symbol={BTC}")
        await page.until(f"{quality} === 'sources agree'")
        await gateway.kill()
        await page.until(f"{quality} === 'not known: no connection'")
    async with market.serving():
        await page.until(f"{quality} === 'sources agree'")


LOOKS = [
    {"colorScheme": "dark", **PHONE},
    *only_long({"colorScheme": "light"}, {"forcedColors": "active", "reducedMotion": "reduce"}),
]


@pytest.mark.parametrize("look", LOOKS, ids=["phone", "light", "forced"])
async def test_axe_finds_nothing_below_the_chart(market: Market, page: Browser, look: ContextOptions) -> None:
    """No finding of any level with all tables filled, and the page does not scroll sideways."""
    await market.reset()
    async with market.serving(), trading(market.redis, Source.BINANCE, BTC) as feed:
        await market.write(BTC, "60000.00", is_trade=True)
        feed.trade(BTC, "60000.10")
        await page.open(f"/?symbol={BTC}", **look)
        await page.until(f"{TRADES}.length > 0 && {json.dumps(BTC)} !== '' && {IDENTITY} !== ''")
        assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        assert await page.axe() == []
