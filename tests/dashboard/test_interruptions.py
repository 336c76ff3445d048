"""The dashboard while a source, the gateway, the cache or the viewer is away."""

import json
import signal
from datetime import timedelta

import pytest

from rates.source import Source
from tests.dashboard.browser import PHONE, Browser, ContextOptions
from tests.dashboard.conftest import BINANCE_TTL_S, Market
from tests.dashboard.explorer import answers, model, open_explorer
from tests.lengths import only_long

pytestmark = pytest.mark.asyncio(loop_scope="module")

BTC, ETH = "BTC/USDT", "ETH/USDT"
PHASE = "document.querySelector('#connection .phase').innerText"
LIGHT = "document.querySelector('.strip .state').innerText"
NOTICE = "document.querySelector('#connection .notice')?.innerText"
WORKERS = "performance.getEntriesByType('resource').filter(each => each.name.includes('.worker-')).length"
BADGE = "document.querySelector('#connection').innerText"
RECORD_BADGE = """
  window.ratewireBadges = [];
  new MutationObserver(() => window.ratewireBadges.push(document.querySelector('#connection').innerText))
    .observe(document.querySelector('#connection'), { childList: true, characterData: true, subtree: true });
"""
# A page that was loaded again would have forgotten it.
MARK = "window.ratewireTestMark"


def age_of(symbol: str) -> str:
    return f"document.getElementById({json.dumps(f'row-{symbol}')})?.querySelector('span.age')"


def price_of(symbol: str) -> str:
    return f"document.getElementById({json.dumps(f'row-{symbol}')})?.querySelector('.cell.price')?.innerText"


async def arrive(page: Browser, symbol: str = BTC, path: str = "/") -> None:
    await page.open(path)
    await page.until(f"/\\d/.test({price_of(symbol)})")
    await page.evaluate(f"{MARK} = true")


async def test_a_source_that_stops_turns_stale_on_the_page(market: Market, page: Browser) -> None:
    """Without new rates the age keeps counting and turns stale at the TTL.

    Another source stays fresh.
    """
    async with market.serving():
        await market.write("BTC/USD", "60000", Source.COINGECKO)
        async with market.moving(BTC):
            await arrive(page)
            await page.until(
                f"{age_of(BTC)}.dataset.freshness === 'FRESH' && {age_of(BTC)}.innerText === '0 s'"
            )
        seconds = await page.value(
            int, f"{age_of(BTC)}.dataset.freshness === 'STALE' && parseInt({age_of(BTC)}.innerText)"
        )
        assert seconds >= BINANCE_TTL_S
        assert await page.evaluate(f"{age_of('BTC/USD')}.dataset.freshness") == "FRESH"
        await page.shows("1 stale")
        await market.write(BTC, "61000.25")
        await page.until(f"{age_of(BTC)}.dataset.freshness === 'FRESH'")


@pytest.mark.parametrize("look", [PHONE, *only_long({})], ids=["phone", "desktop"])
async def test_an_age_of_hours_is_shown_whole(market: Market, page: Browser, look: ContextOptions) -> None:
    """The column has room for the longest text of an age."""
    async with market.serving():
        await market.write("DOGE/USDT", "0.25", age=timedelta(hours=23, minutes=58, seconds=30))
        await page.open("/?q=doge/usdt", **look)
        age = age_of("DOGE/USDT")
        await page.until(f"/^23 h 5\\d m/.test({age}?.innerText) && {age}.dataset.freshness === 'EXPIRED'")
        assert await page.evaluate(
            f"(({{ left, right }}, cell) => left >= cell.left && right <= cell.right)"
            f"({age}.getBoundingClientRect(), {age}.parentElement.getBoundingClientRect())"
        )


async def test_the_reason_of_a_source_problem_is_shown_in_full(market: Market, page: Browser) -> None:
    """The status strip abbreviates it, a phone omits it, the details show all of it."""
    async with market.serving():
        await market.write(BTC, "61000.25")
        await page.open("/", **PHONE)
        reason = "document.querySelector('.strip li[title]')?.title"
        await page.until(reason)
        await page.click(".strip button")
        # Both at one moment: a reason has the age of a value in it, which moves.
        await page.until(
            f"(reason => reason && document.querySelector('.reasons')?.innerText.includes(reason))({reason})"
        )
        assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")


async def test_the_page_resumes_after_a_killed_gateway_without_a_reload(
    market: Market, page: Browser
) -> None:
    """After SIGKILL and a restart of the gateway the page resumes by cursor and says so.

    The new process listens on the same port. The page then shows the missed rates.
    """
    async with market.serving() as gateway:
        await market.write(BTC, "61000.25")
        await market.write(ETH, "2500.00")
        await arrive(page)
        await gateway.kill()
        await page.until(f"{PHASE} === 'Reconnecting…' || {PHASE} === 'Offline'")
        assert "61,000.25" in await page.evaluate_as(str, price_of(BTC))
        # The page does not claim a status that it no longer receives.
        await page.until(f"{LIGHT} === 'not known'")
        await market.write(BTC, "61001.75")
    async with market.serving():
        notice = await page.value(str, NOTICE)
        assert notice.startswith("Back, nothing missed.")
        await page.until(f"{price_of(BTC)}.includes('61,001.75')")
        await page.until(f"{PHASE} === 'Live'")
        await page.until(f"{LIGHT} !== 'not known'")
        assert await page.evaluate(MARK) is True
        async with market.moving(BTC):
            await page.until(f"{price_of(BTC)}.startsWith('60,0')")


async def test_a_frozen_gateway_is_not_called_live(market: Market, page: Browser) -> None:
    """Nothing arrives on a connection that is open: the page says so, and no light is on."""
    async with market.serving() as gateway:
        await market.write(BTC, "61000.25")
        await arrive(page)
        await page.until(f"{PHASE} === 'Live' && {LIGHT} !== 'not known'")
        gateway.process.send_signal(signal.SIGSTOP)
        try:
            await page.until(f"{PHASE} === 'No updates' && {LIGHT} === 'not known'")
            await page.until(f"/for \\d+ s/.test({BADGE})")
        finally:
            gateway.process.send_signal(signal.SIGCONT)
        await page.until(f"{PHASE} === 'Live' && {LIGHT} !== 'not known'")
        assert await page.evaluate(MARK) is True


async def test_a_device_without_network_says_so_at_once_and_goes_on_with_it(
    market: Market, page: Browser
) -> None:
    """The browser's own event counts, and no notice stands beside another word than "Live"."""
    async with market.serving() as gateway:
        await market.write(BTC, "61000.25")
        await arrive(page)
        # The page's own record of what it showed: a test would look too late.
        await page.evaluate(RECORD_BADGE)
        await page.network(is_there=False)
        await page.until(f"{PHASE} !== 'Live'")
        await gateway.kill()
        await page.until(f"{PHASE} === 'Offline'")
        await page.shows("This device has no network.")
    async with market.serving():
        await page.network(is_there=True)
        await page.until(f"{NOTICE}?.startsWith('Back, nothing missed.')", within_s=30)
        await page.until("document.querySelector('.banner.problem') === null")
    shown = await page.evaluate_as(list[str], "window.ratewireBadges")
    assert not [text for text in shown if "Back" in text and not text.startswith("Live")]


# Beside other tests a fifth worker of the editors was once fetched only after the gateway had gone.
@pytest.mark.alone
async def test_the_explorer_says_in_words_that_the_gateway_is_gone(market: Market, page: Browser) -> None:
    """A cut subscription ends with a sentence, not a browser event, and works when run again."""
    async with market.serving() as gateway:
        await market.write(BTC, "61000.25")
        await open_explorer(page)
        assert "data" in await answers(page, "LiveRates")
        # The editors fetch their workers on first use: without a gateway that would be an error on the console.
        await page.until(f"{WORKERS} >= 4")
        before = await page.seen()
        await gateway.kill()
        await page.until(f"{model('response.json')}.includes('There is no connection to the gateway')")
        assert await page.seen() == before
    async with market.serving():
        assert "data" in await answers(page, "LiveRates")


async def test_a_lost_cache_is_a_gap_and_says_so(market: Market, page: Browser) -> None:
    """Missed updates cannot be ruled out: the page replaces everything and reports a gap.

    The writer sends its newest rates again to a cache that lost them.
    """
    async with market.serving() as gateway:
        await market.write(ETH, "2501.00")
        await arrive(page, ETH, "/?q=eth/usdt")
        await gateway.kill()
        await market.redis.flushall()
        await market.write(BTC, "61003.00")
    async with market.serving():
        notice = await page.value(str, NOTICE)
        assert notice.startswith("Back, with all prices loaded anew.")
        await page.until(f"{price_of(ETH)}.includes('2,501.00')")
        assert await page.evaluate(MARK) is True


async def test_a_hidden_page_lets_the_server_go_and_resumes_when_it_is_seen(
    market: Market, page: Browser
) -> None:
    """A hidden page ends its subscription after some seconds.

    When visible again it gets what it missed.
    """
    async with market.serving():
        await market.write(BTC, "61004.00")
        await arrive(page)
        await page.evaluate(hidden(True))
        await page.until(f"{PHASE} === 'Paused'")
        await market.write(BTC, "61005.00")
        assert "61,004.00" in await page.evaluate_as(str, price_of(BTC))
        await page.evaluate(hidden(False))
        notice = await page.value(str, NOTICE)
        assert notice.startswith("Back, nothing missed.")
        await page.until(f"{price_of(BTC)}.includes('61,005.00')")


def hidden(is_hidden: bool) -> str:
    """A script that imitates a tab in the background, which headless Chromium does not have."""
    return (
        f"Object.defineProperty(document, 'hidden', {{ value: {json.dumps(is_hidden)}, configurable: true }});"
        "document.dispatchEvent(new Event('visibilitychange'))"
    )
