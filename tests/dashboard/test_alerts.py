"""Alerts in the page: added in a dialog, fired once for each crossing, kept in the browser."""

import pytest

from tests.dashboard.browser import Browser
from tests.dashboard.conftest import Market

pytestmark = pytest.mark.asyncio(loop_scope="module")

BTC = "BTC/USDT"
BELL = "[aria-label=Alerts]"
FIRED = "[...document.querySelectorAll('.fired li')].map(each => each.innerText)"
SHOWN = "document.querySelector('.last-fired')?.innerText"
IS_WATCHING = "document.querySelector('.alerts h3')?.innerText === 'Watching'"


async def add(page: Browser, level: str) -> None:
    """Fill in the form by keyboard, with the symbol of the open instrument."""
    await page.until("document.querySelector('.alerts').open")
    await page.evaluate("document.querySelector('.alerts [name=level]').focus()")
    await page.type_text(level)
    await page.press("Enter")


async def cross(market: Market, page: Browser, low: str, high: str, has_fired: str) -> None:
    """Write prices from `low` on, then `high`, in turn until the alert has fired.

    Rates are sampled: a single price may be seen by the page and not by the alert. None of the low ones arms the rule again.
    """
    for _ in range(20):
        for price in (*(str(int(low) + step) for step in range(4)), high):
            await market.write(BTC, price)
            await page.until(f"document.title.includes('{int(price):,}')")
        if await page.evaluate(has_fired):
            return
    raise AssertionError(f"{has_fired} is not true")


async def test_a_crossing_fires_once_and_is_kept_for_the_next_visit(market: Market, page: Browser) -> None:
    """A fresh price beyond the level fires; one that dances on the level does not fire again."""
    async with market.serving():
        await market.write(BTC, "60000")
        await page.open(f"/?symbol={BTC}")
        await page.until("document.title.includes('60,000')")
        await page.click(BELL)
        for level, problem in (
            ("nonsense", "This is no number. Write it as 1.5."),
            ("0", "Enter a symbol such as BTC/USDT and a positive number."),
        ):
            await add(page, level)
            await page.shows(problem)
            await page.evaluate("document.querySelector('.alerts [name=level]').value = ''")
        await add(page, "61000")
        await page.until(IS_WATCHING)
        await cross(market, page, "60950", "61500", f"{FIRED}.length > 0")
        await page.until(f"{SHOWN}?.includes('BTC/USDT is at 61,500')")
        for price in ("60990", "61001"):
            await market.write(BTC, price)
            await page.until(f"document.title.includes('{int(price):,}')")
        assert len(await page.evaluate_as(list[str], FIRED)) == 1
        await page.reload()
        await page.click(BELL)
        await page.until("document.querySelector('.rules li')?.innerText.includes('price rises to 61,000')")
        await page.until(IS_WATCHING)
        await page.click(".rules button")
        await page.until("document.querySelector('.rules') === null")


async def test_a_level_is_read_in_the_notation_of_the_viewer(market: Market, page: Browser) -> None:
    """The form says what it reads, and asks where a level can be two figures."""
    async with market.serving():
        await market.write(BTC, "60000")
        await page.open(f"/?symbol={BTC}", locale="de-DE")
        await page.until("document.title.includes('60.000')")
        await page.click(BELL)
        await add(page, "61.000")
        await page.shows("61.000 can mean 61000 or 61,000. Write one of these.")
        await page.type_text(",250")
        await page.shows("Read as 61.000,25.")
        await page.press("Enter")
        await page.until(
            "document.querySelector('.rules li')?.innerText.includes('price rises to 61.000,25')"
        )
        assert await page.axe() == []


async def test_a_notification_is_asked_for_and_sent(market: Market, page: Browser) -> None:
    """Only after the viewer has pressed the button.

    A class of the page stands for the browser's: headless ones show none.
    """
    async with market.serving():
        await market.write(BTC, "60000")
        await page.open(f"/?symbol={BTC}")
        await page.evaluate(
            """window.shown = []; window.Notification = class {
                 static permission = 'default';
                 static async requestPermission() { return this.permission = 'granted'; }
                 constructor(title, { body }) { window.shown.push(body); }
               }"""
        )
        await page.until("document.title.includes('60,000')")
        await page.click(BELL)
        await page.click(".signals button")
        await page.shows("Notifications are on.")
        await add(page, "59000")
        await page.evaluate("document.querySelector('.rules') !== null")
        await page.until(IS_WATCHING)
        await page.click(".rules button")
        await page.evaluate("document.querySelector('.alerts [name=level]').value = ''")
        await add(page, "60100")
        await page.until(IS_WATCHING)
        await cross(market, page, "60050", "60200", "window.shown.length > 0")
        assert await page.evaluate("window.shown") == ["Simulated: BTC/USDT is at 60,200"]


async def test_the_dialog_has_no_finding_of_axe(market: Market, page: Browser) -> None:
    """Nor an error on the console."""
    async with market.serving():
        await market.write(BTC, "60000")
        for scheme in ("light", "dark"):
            await page.open("/", colorScheme=scheme)
            await page.click(BELL)
            await page.until("document.querySelector('.alerts').open")
            assert await page.axe() == []
