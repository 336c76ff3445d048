"""axe-core finds nothing on any view in any look, and nothing is too wide."""

import pytest

from tests.dashboard.browser import PHONE, Browser, ContextOptions
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
