"""The recorded day of each source, among the details of the sources."""

import pytest

from tests.dashboard.browser import PHONE, Browser, ContextOptions
from tests.dashboard.conftest import picture

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.servers]

LOOKS: list[ContextOptions] = [{}, {"colorScheme": "dark", **PHONE}, {"forcedColors": "active"}]
DAYS = "[...document.querySelectorAll('.source-days tbody tr')]"
# A minute of the system has been recorded, all before it not.
HAS_BOTH = f"{DAYS}.some(each => each.querySelector('[data-state=UP]') && each.querySelector('[data-state=UNKNOWN]'))"


@pytest.mark.parametrize("look", LOOKS, ids=["desktop", "phone", "forced"])
async def test_the_details_show_what_was_recorded_of_each_source(
    browser: Browser, look: ContextOptions
) -> None:
    """One row a source: what was not recorded is told apart from what worked, in words too."""
    await browser.open("/", **look)
    await browser.until("document.querySelector('.strip button') !== null")
    await browser.click(".strip button")
    await browser.until(f"{DAYS}.length === document.querySelectorAll('.strip li').length")
    # The history of a system that has just begun may not answer at first: the page tries again.
    await browser.until(HAS_BOTH, within_s=120)
    label = f"{DAYS}.map(each => each.querySelector('svg')?.ariaLabel ?? '').find(each => each !== '')"
    assert "not recorded" in str(await browser.evaluate(label))
    assert await browser.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert await browser.axe() == []
    await picture(browser, "sources", selector=".sources")
