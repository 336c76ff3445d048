"""The chart of an instrument: history, gaps, moving in time, keys, addresses, interruptions."""

import json
from datetime import timedelta

import pytest
import pytest_asyncio

from rates.clock import utc_now
from rates.source import Source
from tests.dashboard.browser import PHONE, Browser, ContextOptions
from tests.dashboard.conftest import Market, document_id, picture
from tests.dashboard.live_trades import trading
from tests.dashboard.seeded_history import floor_minute, generate_minutes, seed_history
from tests.lengths import only_long

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.servers]

BTC = "BTC/USDT"
DAYS = 4
# Of the last day, counted from its start: a gap of three hours, one of ten minutes, a quiet hour.
GAP, SHORT_GAP, QUIET, PARTIAL = range(300, 480), range(900, 910), range(700, 760), range(1000, 1030)
PAGE = f"/?symbol={BTC}"
SUMMARY = "(document.querySelector('.chart-frame + .unseen')?.innerText ?? '')"
LEGEND = "(document.querySelector('.legend')?.innerText ?? '')"
CLOSE = f"/Close\\s+([\\d,.]+)/.exec({LEGEND})?.[1]"
STATUS = "(document.querySelector('.chart-status')?.innerText ?? '')"
ROWS = "document.querySelectorAll('.candle-table tbody tr')"
READY = f"/Binance: \\d+ candles/.test({SUMMARY})"
# The cells of a candle without prices.
EMPTY = "\t".join(4 * "\N{EN DASH}")
PHASE = "document.querySelector('#connection .phase').innerText"
MARK = "window.ratewireTestMark"
COUNT = f"Number(/: (\\d+) candles/.exec({SUMMARY})?.[1] ?? 0)"
# The times of the first candle in view, in the browser's zone.
FROM = f"/from (.+?) to/.exec({SUMMARY})?.[1]"
# The same, as the address has it.
ADDRESSED = """(({ format }, from) => `${format(['weekday', 'day', 'month'], from)} ${format(['hour', 'minute'], from)}`)({
  format: (names, time) => new Intl.DateTimeFormat('en-GB', { hourCycle: 'h23', ...Object.fromEntries(names.map((name) =>
    [name, { weekday: 'short', day: 'numeric', month: 'short', hour: '2-digit', minute: '2-digit' }[name]])) })
    .format(new Date(time)).replace(',', '') }, new URLSearchParams(location.search).get('from'))"""


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def charted(market: Market) -> Market:
    """A market with four days of history of one instrument, until a minute ago."""
    await market.reset()
    end = floor_minute(utc_now())
    count = DAYS * 1440
    last_day = count - 1440
    minutes = generate_minutes(
        end - timedelta(minutes=count),
        count,
        unknown={last_day + each for each in (*GAP, *SHORT_GAP)},
        quiet={last_day + each for each in QUIET},
        partial={last_day + each for each in PARTIAL},
    )
    await seed_history(market.database_url, BTC, list(minutes))
    return market


async def focus(page: Browser) -> None:
    await page.evaluate("document.querySelector('.chart').focus()")


def pressed(name: str) -> str:
    """The text of the chosen button of a group."""
    return f"document.querySelector('[aria-label={json.dumps(name)}] [aria-pressed=true]')?.innerText"


async def test_the_chart_begins_with_history_before_any_rate(charted: Market, page: Browser) -> None:
    """A day of candles is drawn while no source has a rate."""
    async with charted.serving():
        await page.open(PAGE)
        await page.until(READY)
        await page.until(f"{pressed('Time frame')} === '1d'")
        assert await page.evaluate_as(int, COUNT) >= 280
        legend = await page.evaluate_as(str, LEGEND)
        for name in ("Binance", "Open", "High", "Low", "Close", "Change", "Volume"):
            assert name in legend


async def test_a_gap_is_a_gap(charted: Market, page: Browser) -> None:
    """Candles without a record have no price.

    A quiet time is told from them, and a part is marked.
    """
    async with charted.serving():
        for kind in ("candles", "line", "area"):
            await page.open(f"{PAGE}&chart={kind}&range=1d")
            await page.until(READY)
            summary = await page.evaluate_as(str, SUMMARY)
            # Three hours and ten minutes, of five minutes each, at any offset of the boundaries.
            unknown = int(summary.split(" not recorded")[0].rsplit(" ", 1)[-1])
            assert 35 <= unknown <= 38
            assert " recorded in part." in summary
        await page.click(".candle-table summary")
        await page.until(f"{ROWS}.length > 50")
        texts = await page.evaluate_as(list[str], f"[...{ROWS}].map(each => each.innerText)")
        assert any("not recorded" in text and EMPTY in text for text in texts)
        assert any("nothing was traded" in text for text in texts)
        assert any("recorded in part" in text for text in texts)
        assert (await page.seen())["complaints"] == []


async def test_moving_left_loads_earlier_candles_and_the_address_restores_the_view(
    charted: Market, page: Browser
) -> None:
    """Pages are loaded on the way; a reload shows the same time, and End leads back."""
    async with charted.serving():
        await page.open(f"{PAGE}&range=4h")
        await page.until(READY)
        first = await page.evaluate_as(str, FROM)
        await page.drag(".chart", 500, 0)
        await page.until(f"{FROM} !== {json.dumps(first)}")
        await focus(page)
        for _ in range(8):
            before = await page.evaluate_as(str, "location.search")
            await page.press("PageUp")
            await page.until(f"location.search !== {json.dumps(before)}")
        # Beyond the first page of candles. The address follows a view that is drawn.
        await page.until(f"{COUNT} >= 200 && {FROM} === {ADDRESSED}")
        seen, address = await page.evaluate_as(str, FROM), await page.evaluate_as(str, "location.search")
        await page.reload()
        await page.until(READY)
        await page.until(f"{FROM} === {json.dumps(seen)}")
        assert await page.evaluate("location.search") == address
        await focus(page)
        await page.press("End")
        await page.until("!location.search.includes('from=')")
        await page.until(f"{COUNT} >= 200 && {FROM} !== {json.dumps(seen)}")


async def test_the_keys_move_zoom_and_speak(charted: Market, page: Browser) -> None:
    """Arrows go from candle to candle and say each one; plus and minus zoom."""
    async with charted.serving():
        await page.open(f"{PAGE}&range=1h")
        await page.until(READY)
        before = await page.evaluate_as(int, COUNT)
        await focus(page)
        await page.press("ArrowLeft")
        await page.press("ArrowLeft")
        spoken = "[...document.querySelectorAll('.chart-panel [role=status].unseen')].at(-1).innerText"
        await page.until(f"/: (open [\\d,.]+, high|not recorded)/.test({spoken})")
        time = str(await page.evaluate(spoken)).split(": ", maxsplit=1)[0]
        await page.until(f"{LEGEND}.includes({json.dumps(time)})")
        await page.press("+")
        await page.until(f"{COUNT} < {before}")
        await page.press("-")
        await page.press("-")
        await page.until(f"{COUNT} > {before}")


async def test_each_key_counts_between_two_frames(charted: Market, page: Browser) -> None:
    """Three keys in one frame zoom three steps: each starts from what the one before asked for."""
    async with charted.serving():
        await page.open(f"{PAGE}&range=1h")
        await page.until(READY)
        before = await page.evaluate_as(int, COUNT)
        await focus(page)
        key = "new KeyboardEvent('keydown', { key: '-', bubbles: true })"
        await page.evaluate(f"[1, 2, 3].forEach(() => document.activeElement.dispatchEvent({key}))")
        await page.until(f"{COUNT} >= {3 * before}")


async def test_the_wheel_scrolls_the_page_until_the_chart_is_clicked(charted: Market, page: Browser) -> None:
    """A page that is scrolled does not zoom; after a click the wheel does."""
    async with charted.serving():
        await page.open(f"{PAGE}&range=4h")
        await page.until(READY)
        count = await page.evaluate_as(int, COUNT)
        await page.wheel(".chart", 300)
        await page.until("document.querySelector('.instrument-page').scrollTop > 0")
        assert await page.evaluate_as(int, COUNT) == count
        await page.click(".chart")
        await page.wheel(".chart", -300)
        await page.until(f"{COUNT} < {count}")


async def test_kind_frame_and_source_stand_in_the_address(charted: Market, page: Browser) -> None:
    """Each choice changes the chart and the address, and a reload keeps it.

    A source without a record says so.
    """
    async with charted.serving():
        await charted.write(BTC, "60000.00")
        await page.open(PAGE)
        await page.until(READY)
        await page.click("[aria-label='Kind of chart'] button:nth-child(3)")
        await page.click("[aria-label='Time frame'] button:nth-child(5)")
        await page.until("location.search.includes('range=1w') && location.search.includes('chart=area')")
        await page.reload()
        await page.until(READY)
        await page.until(f"{pressed('Time frame')} === '1w'")
        await page.until(f"{pressed('Kind of chart')} === 'Area'")
        await page.open(f"{PAGE}&source=okx")
        await page.until(f"{STATUS}.includes('No trades of {BTC} by OKX are recorded yet')")


async def test_the_last_candle_is_live(charted: Market, page: Browser) -> None:
    """Each trade moves price and volume of the candle that is forming; a rate moves neither."""
    async with charted.serving(), trading(charted.redis, Source.BINANCE, BTC) as feed:
        await page.open(f"{PAGE}&range=1h")
        await page.until(READY)
        for number in range(1, 4):
            price = 61_000 + number
            feed.trade(BTC, f"{price}.25", "1.5")
            await page.until(f"{CLOSE} === '{price:,}.25'")
            # Other sources, and rates that no trade of this source made, are not part of its candle.
            await charted.write(BTC, "69999.50", Source.KRAKEN, is_trade=True)
            await charted.write(BTC, "68888.50", is_trade=True)
        await page.until("document.querySelector('.now')?.innerText.includes('68,888.5')")
        assert await page.evaluate(CLOSE) == "61,003.25"
        feed.trade(BTC, "61009.00", "2")
        await page.until(f"{CLOSE} === '61,009.00' && /Volume\\s+[\\d.]+ BTC/.test({LEGEND})")


async def test_a_live_chart_resumes_after_a_restart_without_a_reload(charted: Market, page: Browser) -> None:
    """The candles stay while the gateway is away; what was traded meanwhile follows."""
    async with trading(charted.redis, Source.BINANCE, BTC) as feed:
        async with charted.serving() as gateway:
            await charted.write(BTC, "60000.00")
            await page.open(f"{PAGE}&range=1h")
            await page.until(READY)
            feed.trade(BTC, "62000.25")
            await page.until(f"{PHASE} === 'Live' && {CLOSE} === '62,000.25'")
            await page.evaluate(f"{MARK} = true")
            await gateway.kill()
            await page.until(f"{PHASE} !== 'Live'")
            assert await page.evaluate_as(int, COUNT) > 50
            feed.trade(BTC, "62500.75")
        async with charted.serving():
            await page.until(f"{PHASE} === 'Live'")
            # Another minute may have begun.
            await page.click(".candle-table summary")
            await page.until(f"[...{ROWS}].some(each => each.innerText.includes('62,500.75'))")
            feed.trade(BTC, "62600.5")
            await page.until(f"[...{ROWS}].some(each => each.innerText.includes('62,600.5'))")
            assert await page.evaluate(MARK) is True


async def test_without_a_history_the_page_says_so_and_tries_again(charted: Market, page: Browser) -> None:
    """The words are for viewers; the chart appears once the gateway answers."""
    async with charted.serving():
        await page.open(PAGE, block=document_id("Candles"))
        await page.until(f"{STATUS}.includes('The history could not be loaded')")
        # Also while the chart is drawn, what is said of it stands above its canvases.
        assert (
            await page.evaluate("getComputedStyle(document.querySelector('.chart')).isolation") == "isolate"
        )
        await page.unblock()
        await page.click(".chart-status button")
        await page.until(READY)


async def test_full_screen_ends_with_escape_and_stays_on_the_page(charted: Market, page: Browser) -> None:
    """The chart fills the screen; Escape leads back to the instrument, not to the market."""
    async with charted.serving():
        await page.open(PAGE)
        await page.until(READY)
        height = await page.evaluate_as(float, "document.querySelector('.chart').clientHeight")
        await page.click("[aria-label='Full screen']")
        await page.until(f"document.querySelector('.chart').clientHeight > {height} + 100")
        await page.press("Escape")
        await page.until(f"document.querySelector('.chart').clientHeight === {height}")
        assert "symbol=" in await page.evaluate_as(str, "location.search")


async def test_live_shows_a_line_and_a_figure_for_each_source(charted: Market, page: Browser) -> None:
    """The legend names every line with its price, the consensus too."""
    async with charted.serving():
        await charted.write(BTC, "60000.00")
        await page.open(f"{PAGE}&range=live")
        await page.until(f"{LEGEND}.includes('Binance') && {LEGEND}.includes('60,000')")
        assert "Consensus" in await page.evaluate_as(str, LEGEND)


LOOKS = [
    {"forcedColors": "active", "reducedMotion": "reduce"},
    *only_long(
        {"colorScheme": "light", **PHONE},
        {"colorScheme": "light"},
        {"colorScheme": "dark"},
        {"viewport": {"width": 320, "height": 568}},
    ),
]


@pytest.mark.parametrize("look", LOOKS, ids=["forced", "phone", "light", "dark", "320px"])
async def test_axe_finds_nothing_in_any_look(
    charted: Market, page: Browser, look: ContextOptions, request: pytest.FixtureRequest
) -> None:
    """No finding of any level inside the chart, and the page does not scroll sideways."""
    name = request.node.callspec.id
    async with charted.serving():
        await charted.write(BTC, "60210.50")
        await charted.write(BTC, "60211.25", Source.OKX)
        await page.open(f"{PAGE}&range=1d&chart={'area' if name == 'dark' else 'candles'}", **look)
        await page.until(READY)
        await page.until("document.querySelectorAll('.updates tbody tr').length > 1")
        assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        if name in {"light", "dark", "phone"}:
            await picture(page, f"chart-{name}", selector=".instrument-page")
        await page.click(".candle-table summary")
        await page.until(f"{ROWS}.length > 10")
        assert await page.axe() == []
