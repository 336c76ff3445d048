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
# What is over a part of an element does not cover it: a chart has figures and words over its lines.
END = "end"
STEP = """(() => {
  const now = document.activeElement;
  if (now === document.body || window.stops.includes(now)) return 'end';
  window.stops.push(now);
  const { outlineStyle, outlineWidth, boxShadow } = getComputedStyle(now);
  const isMarked = (outlineStyle !== 'none' && parseFloat(outlineWidth) > 0) || boxShadow !== 'none';
  const box = now.getBoundingClientRect();
  const [left, right] = [Math.max(0, box.left), Math.min(innerWidth, box.right)];
  const [top, bottom] = [Math.max(0, box.top), Math.min(innerHeight, box.bottom)];
  const isInView = left < right && top < bottom;
  const isSeen = !isInView || [0.1, 0.5, 0.9].some((x) => [0.1, 0.5, 0.9].some((y) => {
    const onTop = document.elementFromPoint(left + (right - left) * x, top + (bottom - top) * y);
    return onTop !== null && (now.contains(onTop) || onTop.contains(now));
  }));
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
