"""Every width, zoom and colour scheme: nothing is cut, and axe finds nothing of any level."""

import pytest

from tests.dashboard.browser import PHONE, Browser, ContextOptions

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.servers]

LOOKS: dict[str, ContextOptions] = {
    "phone": PHONE,
    "tablet": {"viewport": {"width": 834, "height": 1112}},
    "1024": {"viewport": {"width": 1024, "height": 768}},
    "1440": {"viewport": {"width": 1440, "height": 900}, "colorScheme": "dark"},
    "1920": {"viewport": {"width": 1920, "height": 1080}},
    # 1280 by 800 at 200 %.
    "zoom": {"viewport": {"width": 640, "height": 400}, "deviceScaleFactor": 2},
    "forced colours": {"forcedColors": "active"},
    "reduced motion": {"reducedMotion": "reduce"},
}
HAS_ROWS = "document.querySelectorAll('.grid [role=rowheader]').length > 4"
FITS = "document.documentElement.scrollWidth <= innerWidth"


def choose(*often: str) -> list[object]:
    """Return all looks, of which `make test` has those that differ most."""
    return [
        pytest.param(look, id=name, marks=() if name in often else pytest.mark.long)
        for name, look in LOOKS.items()
    ]


@pytest.mark.parametrize("look", choose("phone", "zoom", "forced colours"))
async def test_the_details_of_the_sources_and_the_alerts_fit(browser: Browser, look: ContextOptions) -> None:
    """Opened with the keyboard alone, one after the other."""
    await browser.open("/", **look)
    await browser.until(HAS_ROWS)
    await browser.evaluate("document.querySelector('.strip button').focus()")
    await browser.press("Enter")
    await browser.until("document.querySelector('.source-panel tbody tr') !== null")
    assert await browser.evaluate(FITS)
    await browser.press("Enter")
    await browser.until("document.querySelector('.source-panel') === null")
    place = "document.querySelector('.top nav a').getBoundingClientRect().left"
    before = await browser.evaluate(place)
    await browser.evaluate("document.querySelector('[aria-label=Alerts]').focus()")
    await browser.press("Enter")
    await browser.until("document.querySelector('.alerts')?.open")
    # What is added for the alerts moves nothing in the header.
    assert await browser.evaluate(place) == before
    assert await browser.evaluate(FITS)
    assert await browser.axe() == []
    await browser.press("Escape")
    await browser.until("!document.querySelector('.alerts').open")
    # The focus returns to where it was.
    await browser.until("document.activeElement.ariaLabel === 'Alerts'")


async def test_the_figures_that_are_compared_are_in_view_on_a_phone(browser: Browser) -> None:
    """Price and change of a day in the market, ask, bid and gap in the spread view."""
    await browser.open("/", **PHONE)
    await browser.until(HAS_ROWS)
    right = "Math.max(...[...document.querySelectorAll('SELECTOR')].map((each) => each.getBoundingClientRect().right))"
    assert await browser.evaluate(f"{right.replace('SELECTOR', '.grid [data-column=change]')} <= innerWidth")
    await browser.open("/?view=spreads", **PHONE)
    await browser.until("document.querySelectorAll('.best tbody tr').length > 2")
    assert await browser.evaluate(f"{right.replace('SELECTOR', '.best td.gap')} <= innerWidth")


async def test_the_tables_of_the_converter_fit_on_a_phone(browser: Browser) -> None:
    """The distance from one dollar is what the table is for: no column is beyond the edge."""
    await browser.open("/?view=converter", **PHONE)
    await browser.until("document.querySelectorAll('.stable tbody tr').length > 2")
    await browser.until("document.querySelectorAll('.route tbody tr').length > 0")
    for table in (".route", ".stable"):
        assert await browser.evaluate(
            f"document.querySelector('{table}').getBoundingClientRect().right <= innerWidth"
        ), table


async def test_a_table_that_goes_on_beyond_the_edge_says_so(browser: Browser) -> None:
    """A figure that the edge cuts would read as another one.

    It fades, until the table is scrolled to its end.
    """
    await browser.open("/", **LOOKS["tablet"])
    await browser.until(HAS_ROWS)
    edge = "getComputedStyle(document.querySelector('.grid').parentElement, '::after').content"
    await browser.until(f"{edge} !== 'none'")
    await browser.evaluate("document.querySelector('.grid').scrollLeft = 9999")
    await browser.until(f"{edge} === 'none'")
    await browser.open("/", **LOOKS["1920"])
    await browser.until(HAS_ROWS)
    await browser.until(f"{edge} === 'none'")


async def test_prices_that_are_compared_have_one_number_of_decimals(browser: Browser) -> None:
    """Ask and bid of a row of the spread view: 0.970 beside 0.969."""
    await browser.open("/?view=spreads")
    await browser.until("document.querySelectorAll('.best tbody tr').length > 10")
    decimals = """[...document.querySelectorAll('.best tbody tr')].map((row) =>
        ['.ask a', '.bid a'].map((side) => row.querySelector(side).firstChild.data.split('.')[1]?.length ?? 0))"""
    assert all(ask == bid for ask, bid in await browser.evaluate_as(list[list[int]], decimals))


async def test_near_matches_of_an_unknown_instrument_are_links(browser: Browser) -> None:
    """They lead to the instruments that may have been meant."""
    await browser.open("/?symbol=NOPE/USD")
    await browser.until("document.querySelectorAll('.nothing a').length > 0")
    await browser.click(".nothing a")
    await browser.until("document.querySelector('.now') !== null")


@pytest.mark.parametrize(("width", "height", "rows"), [(640, 400, 5), (640, 360, 4), (720, 450, 6)])
async def test_rows_are_in_view_at_200_percent(browser: Browser, width: int, height: int, rows: int) -> None:
    """On laptops of 1280 by 800 and 720 and of 1440 by 900, without scrolling.

    Header and toolbar have a line each, and nothing is wider than the window.
    """
    await browser.open("/", viewport={"width": width, "height": height}, deviceScaleFactor=2)
    await browser.until(HAS_ROWS)
    bottoms = "[...document.querySelectorAll('.grid [role=rowheader]')].map((each) => each.getBoundingClientRect().bottom)"
    await browser.until(f"{bottoms}.filter((each) => each <= innerHeight).length >= {rows}")
    heights = "['.top', '.toolbar'].map((each) => document.querySelector(each).offsetHeight)"
    assert all(each < 60 for each in await browser.evaluate_as(list[int], heights))
    assert await browser.evaluate(FITS)


async def test_the_document_is_as_high_as_the_window(browser: Browser) -> None:
    """Text for screen readers makes it no higher.

    Otherwise a jump of the focus would scroll the header away.
    """
    await browser.open("/?symbol=BTC/USDT", **PHONE)
    await browser.until("document.querySelector('.identity') !== null")
    assert await browser.evaluate("document.documentElement.scrollHeight <= innerHeight")


async def test_nothing_moves_while_the_page_fills(browser: Browser) -> None:
    """The cumulative layout shift of a first visit, by the browser's own measure."""
    looks: list[ContextOptions] = [{}, PHONE]
    for look in looks:
        await browser.open("/", **look)
        await browser.until(HAS_ROWS)
        await browser.until("document.querySelectorAll('.strip li').length > 3")
        shift = await browser.evaluate_as(
            float,
            """new Promise((done) => new PerformanceObserver((list) =>
                 done(list.getEntries().filter(each => !each.hadRecentInput).reduce((sum, each) => sum + each.value, 0)))
                 .observe({ type: 'layout-shift', buffered: true }) || setTimeout(() => done(0), 1000))""",
        )
        assert shift < 0.05, look


@pytest.mark.parametrize("look", choose("phone"))
async def test_the_page_has_its_frame_before_its_scripts(browser: Browser, look: ContextOptions) -> None:
    """The HTML has the header with its links and the notice.

    They are as high as what the scripts put in their place, so nothing below moves.
    """
    await browser.open("/", **look)
    await browser.until(HAS_ROWS)
    await browser.until("document.querySelectorAll('.strip li').length > 3")
    frame = await browser.evaluate_as(
        dict[str, list[list[object]]],
        """(async () => {
             const html = await (await fetch('/')).text();
             const frame = new DOMParser().parseFromString(html, 'text/html').querySelector('#dashboard');
             const heights = (root) => ['.top', '.banner.simulated'].map(each => [each, root.querySelector(each).offsetHeight]);
             const links = (root) => [...root.querySelectorAll('.top > a, .top > nav a')].map(each => [each.getAttribute('href'), each.textContent]);
             const real = [heights(document), links(document)];
             const copy = document.body.appendChild(document.importNode(frame, true));
             const written = [heights(copy), links(copy)];
             copy.remove();
             return { heights: [real[0], written[0]], links: [real[1], written[1]] };
           })()""",
    )
    for name, (real, written) in frame.items():
        assert written == real, name


async def test_paper_shows_the_table_and_nothing_to_press(browser: Browser) -> None:
    """The rules for printing apply, and rows are not cut by the height of the window."""
    await browser.open("/")
    await browser.until(HAS_ROWS)
    await browser.media("print")
    assert await browser.evaluate("getComputedStyle(document.querySelector('.top nav')).display") == "none"
    assert await browser.evaluate("getComputedStyle(document.body).overflow") == "visible"
    await browser.media("screen")


async def test_times_are_local_or_utc_as_chosen(browser: Browser) -> None:
    """The button changes the times of the page, and a reload keeps the choice."""
    await browser.open("/?symbol=BTC/USDT", timezoneId="Asia/Kolkata")
    hours = "document.querySelector('.updates tbody th')?.innerText.slice(0, 5)"
    await browser.until(hours)
    utc = "new Date().toISOString().slice(11, 13)"
    assert await browser.evaluate(f"{hours}.slice(0, 2) !== {utc}")
    # Titles too.
    await browser.until("document.querySelector('.instrument-head .age')?.title.endsWith(' GMT+5:30')")
    await browser.click(".zone")
    await browser.until(f"{hours}?.slice(0, 2) === {utc}")
    await browser.until("document.querySelector('.instrument-head .age')?.title.endsWith(' UTC')")
    await browser.reload()
    await browser.until(f"{hours}?.slice(0, 2) === {utc}")


async def test_figures_follow_the_language_of_the_browser(browser: Browser) -> None:
    """Digit for digit: a German reads 62.386,41."""
    await browser.open("/?symbol=BTC/USDT", locale="de-DE")
    await browser.until("/^\\d{2,3}\\.\\d{3}(,\\d+)? /.test(document.title)")
