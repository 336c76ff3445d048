"""axe-core finds nothing on any view in any look, nothing is too wide, and the keyboard alone does."""

import pytest

from tests.dashboard.browser import PHONE, Browser, ContextOptions
from tests.dashboard.keyboard_walk import walk
from tests.lengths import combine

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.servers]

LOOKS: dict[str, ContextOptions] = {
    "dark": {"colorScheme": "dark"},
    "phone": {"colorScheme": "light", **PHONE},
    "light": {"colorScheme": "light"},
    # 1280 by 1024 at 400 %.
    "low": {"viewport": {"width": 320, "height": 256}, "colorScheme": "dark"},
    "dark forced colours": {"colorScheme": "dark", "forcedColors": "active", "reducedMotion": "reduce"},
    "forced colours": {"colorScheme": "light", "forcedColors": "active"},
    "tablet": {"viewport": {"width": 834, "height": 1112}},
}
NOWHERE = "/nosuchpage"
VIEWS = {
    "/": "document.querySelectorAll('.grid [role=rowheader]').length > 10",
    "/?symbol=BTC/USDT": "document.querySelectorAll('.updates tbody tr').length > 2",
    "/?q=nosuchthing": "document.querySelector('.nothing button') !== null",
    "/?view=spreads": "document.querySelectorAll('.best tbody tr').length > 2",
    "/?view=converter&amount=2&from=ETH&to=BTC": "/[0-9]/.test(document.querySelector('.result output')?.innerText)",
    "/wall?symbols=BTC/USDT,ETH/USDT,NO/PE": "/[0-9]/.test(document.querySelector('.tile .figure')?.innerText)",
    NOWHERE: "document.querySelector('main a') !== null",
}
DETAILS = ".strip button"
FITS = "document.documentElement.scrollWidth <= innerWidth"


@pytest.mark.parametrize(("path", "look"), combine({path: path for path in VIEWS}, LOOKS))
async def test_axe_finds_nothing(browser: Browser, path: str, look: ContextOptions) -> None:
    """Contrast, names, roles, order, scrollable regions.

    Nothing of any level, with the panels open too. The page does not scroll sideways.
    """
    await browser.open(path, **look)
    await browser.until(VIEWS[path])
    if await browser.evaluate(f"document.querySelector('{DETAILS}') !== null"):
        await browser.click(DETAILS)
        await browser.until("document.querySelector('.source-panel tbody tr') !== null")
    assert await browser.axe() == []
    assert await browser.evaluate(FITS)
    # The browser writes the status of a page that is not there to its console.
    await browser.forget_complaints("404")


@pytest.mark.parametrize("path", VIEWS)
async def test_the_focus_is_seen_and_reaches_everything(browser: Browser, path: str) -> None:
    """Tab goes from the top to the end and leaves the page; each stop is marked and in view."""
    await browser.open(path)
    await browser.until(VIEWS[path])
    assert await walk(browser) == ([], [])
    await browser.forget_complaints("404")


async def test_axe_finds_nothing_in_the_help(browser: Browser) -> None:
    """The dialog has no violation."""
    await browser.open("/")
    await browser.click("[aria-keyshortcuts='?']")
    await browser.until("document.querySelector('dialog').open")
    assert await browser.axe() == []


async def test_live_regions_do_not_chatter(browser: Browser) -> None:
    """Moving prices change no region that a screen reader announces."""
    await browser.open("/")
    await browser.until("document.querySelectorAll('.price[data-direction]').length > 8")
    spoken = await browser.evaluate(
        """new Promise((done) => {
          const spoken = [];
          const watch = new MutationObserver((changes) => spoken.push(...changes.map(({ target }) => target.textContent)));
          for (const region of document.querySelectorAll('[role=status], [role=alert], [aria-live]'))
            watch.observe(region, { childList: true, characterData: true, subtree: true });
          setTimeout(() => done(spoken), 3000);
        })"""
    )
    assert spoken == []


async def test_reduced_motion_is_respected(browser: Browser) -> None:
    """With prefers-reduced-motion nothing is animated, and no price is lit.

    Arrows and colours still show the direction.
    """
    await browser.open("/", reducedMotion="reduce")
    await browser.until("document.querySelectorAll('.price[data-direction]').length > 8")
    assert await browser.evaluate("document.getAnimations().length") == 0
    assert await browser.evaluate("document.querySelectorAll('[data-flash]').length") == 0


async def test_all_views_are_reached_without_a_pointer(browser: Browser) -> None:
    """Links of the header by Enter, an instrument from the table, the wallboard from the help, and back."""
    await browser.open("/")
    await browser.until(VIEWS["/"])
    for link, is_there in (
        ("Spreads", "document.querySelector('.best tbody tr') !== null"),
        ("Converter", "document.querySelector('.result output') !== null"),
        ("Market", VIEWS["/"]),
    ):
        await browser.evaluate(
            f"[...document.querySelectorAll('.top nav a')].find((each) => each.innerText === '{link}').focus()"
        )
        await browser.press("Enter")
        await browser.until(is_there)
    await browser.press("/")
    await browser.type_text("btc/usdt")
    await browser.until("document.querySelectorAll('.grid [role=rowheader]').length === 1")
    await browser.press("Enter")
    await browser.until("document.activeElement.id === 'market'")
    await browser.press("Home")
    await browser.press("Enter")
    await browser.until("new URLSearchParams(location.search).get('symbol') === 'BTC/USDT'")
    await browser.until(VIEWS["/?symbol=BTC/USDT"])
    await browser.press("Escape")
    await browser.until("new URLSearchParams(location.search).get('symbol') === null")
    await browser.press("?")
    await browser.until("document.querySelector('dialog[open] a[href=\"/wall\"]') !== null")
    await browser.evaluate("document.querySelector('dialog[open] a[href=\"/wall\"]').focus()")
    await browser.press("Enter")
    await browser.until("document.querySelector('.tile .figure') !== null")
