"""Every view by the keyboard alone: Tab reaches all that can be used, shows where it is, and is never trapped."""

import pytest

from tests.dashboard.browser import Browser
from tests.dashboard.test_accessibility import VIEWS

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.servers]

# More than any view has.
MOST_STOPS = 150
BEGIN = """
  document.activeElement.blur();
  window.stops = [];
  window.tabbable = () => [...document.querySelectorAll('a[href], button, input, select, textarea, summary, [tabindex]')]
    .filter((each) => each.tabIndex >= 0 && !each.disabled && each.checkVisibility({ visibilityProperty: true }));
  window.nameOf = (each) => `${each.tagName} ${each.className} ${each.ariaLabel ?? each.innerText ?? ''}`.slice(0, 80);
"""
# Notes the element that has the focus. Null once the focus has left the page or begins anew; otherwise what is wrong with it, or "".
STEP = """(() => {
  const now = document.activeElement;
  if (now === document.body || window.stops.includes(now)) return null;
  window.stops.push(now);
  const { outlineStyle, outlineWidth, boxShadow } = getComputedStyle(now);
  const isMarked = (outlineStyle !== 'none' && parseFloat(outlineWidth) > 0) || boxShadow !== 'none';
  const { top, bottom, left, right, width, height } = now.getBoundingClientRect();
  const isInView = width > 0 && height > 0 && bottom > 0 && right > 0 && top < innerHeight && left < innerWidth;
  const x = (Math.max(0, left) + Math.min(innerWidth, right)) / 2;
  const y = (Math.max(0, top) + Math.min(innerHeight, bottom)) / 2;
  const onTop = document.elementFromPoint(x, y);
  const isSeen = onTop !== null && (now.contains(onTop) || onTop.contains(now));
  const problems = [isMarked || 'no mark of the focus', isInView || 'out of view', isSeen || 'covered'].filter((each) => each !== true);
  return problems.length === 0 ? '' : `${window.nameOf(now)}: ${problems.join(', ')}`;
})()"""
NOT_REACHED = "window.tabbable().filter((each) => !window.stops.includes(each)).map(window.nameOf)"


@pytest.mark.parametrize("path", VIEWS)
async def test_tab_reaches_everything_and_is_seen(browser: Browser, path: str) -> None:
    """From the top to the end, which leaves the page; each stop is marked and in view."""
    await browser.open(path)
    await browser.until(VIEWS[path])
    await browser.evaluate(BEGIN)
    problems = []
    for _ in range(MOST_STOPS):
        await browser.press("Tab")
        found = await browser.evaluate_as(str | None, STEP)
        if found is None:
            break
        problems.append(found)
    else:
        pytest.fail(f"the focus does not leave the page: {problems}")
    assert [each for each in problems if each] == []
    assert await browser.evaluate(NOT_REACHED) == []
    await browser.forget_complaints("404")


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
