"""Walk a page with the Tab key, from its first stop until the focus leaves it."""

import pytest

from tests.dashboard.browser import Browser

# More than any view has.
MOST_STOPS = 150
BEGIN = """(() => {
  document.activeElement.blur();
  window.stops = [];
  window.tabbable = () => [...document.querySelectorAll('a[href], button, input, select, textarea, summary, [tabindex]')]
    .filter((each) => each.tabIndex >= 0 && !each.disabled && each.checkVisibility({ visibilityProperty: true }));
  window.nameOf = (each) => `${each.tagName} ${each.className} ${each.ariaLabel ?? each.innerText ?? ''}`.slice(0, 80);
})()"""
# Notes the element that has the focus. Returns END once the focus has left the page or begins anew; otherwise what is wrong with it, or "".
END = "end"
STEP = """(() => {
  const now = document.activeElement;
  if (now === document.body || window.stops.includes(now)) return 'end';
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


async def walk(browser: Browser) -> tuple[list[str], list[str]]:
    """Return the stops whose focus cannot be seen, and what can be used and is no stop.

    Fails where the focus does not leave the page.
    """
    await browser.evaluate(BEGIN)
    problems: list[str] = []
    for _ in range(MOST_STOPS):
        await browser.press("Tab")
        found = await browser.evaluate_as(str, STEP)
        if found == END:
            return [each for each in problems if each], await browser.evaluate_as(list[str], NOT_REACHED)
        problems.append(found)
    pytest.fail(f"the focus does not leave the page: {problems}")
