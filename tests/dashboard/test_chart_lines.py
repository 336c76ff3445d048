"""Further lines of a chart: consensus, second instrument, distance of sources, live lines."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from itertools import count

import pytest
import pytest_asyncio

from rates.clock import utc_now
from rates.source import Source
from tests.dashboard.browser import Browser
from tests.dashboard.conftest import Market
from tests.dashboard.seeded_history import floor_minute, generate_minutes, seed_history

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.servers]

BTC, ETH = "BTC/USDT", "ETH/USDT"
MINUTES = 300
PAGE = f"/?symbol={BTC}&range=1h"
LEGEND = "(document.querySelector('.legend')?.innerText ?? '')"
MARKS = "(document.querySelector('.marks')?.innerText ?? '')"
SUMMARY = "(document.querySelector('.chart-frame + .unseen')?.innerText ?? '')"
READY = f"/\\d+ candles/.test({SUMMARY})"
FULL = "document.querySelector('.chart-panel').dataset.full !== undefined"


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def charted(market: Market) -> Market:
    """A market with five hours of history.

    Of one instrument from two sources, of another one from one.
    """
    await market.reset()
    start = floor_minute(utc_now()) - timedelta(minutes=MINUTES)
    await seed_history(market.database_url, BTC, list(generate_minutes(start, MINUTES)))
    other = list(generate_minutes(start, MINUTES, first_price=60_060))
    await seed_history(market.database_url, BTC, other, Source.OKX)
    # A gap in the last hour.
    gap = range(MINUTES - 40, MINUTES - 30)
    await seed_history(
        market.database_url, ETH, list(generate_minutes(start, MINUTES, first_price=3_000, unknown=gap))
    )
    return market


async def press_button(page: Browser, text: str) -> None:
    """Click the button with this text."""
    found = f"[...document.querySelectorAll('.chart-tools button')].find(each => each.innerText === {json.dumps(text)})"
    await page.until(f"{found} !== undefined")
    await page.evaluate(f"{found}.click()")


async def test_the_consensus_is_drawn_and_named_with_the_number_of_its_sources(
    charted: Market, page: Browser
) -> None:
    """It stands between both sources, a candle at a time, and a link keeps it."""
    async with charted.serving():
        await page.open(PAGE)
        await page.until(READY)
        await press_button(page, "Consensus")
        await page.until("location.search.includes('consensus=1')")
        await page.evaluate("document.querySelector('.chart').focus()")
        # The candles of the last minutes have no record.
        for _ in range(4):
            await page.press("ArrowLeft")
        await page.until(f"/Consensus\\s+[\\d,.]+ .2 sources/.test({LEGEND})")
        close = await page.evaluate_as(
            float, f"Number(/Close\\s+([\\d,.]+)/.exec({LEGEND})[1].replaceAll(',', ''))"
        )
        consensus = await page.evaluate_as(
            float, f"Number(/Consensus\\s+([\\d,.]+)/.exec({LEGEND})[1].replaceAll(',', ''))"
        )
        # The other source is a thousandth above.
        assert close < consensus < close * 1.001
        await page.reload()
        await page.until(f"{READY} && {LEGEND}.includes('Consensus')")


async def test_the_distance_between_the_sources_is_drawn_below(charted: Market, page: Browser) -> None:
    """In basis points, with the number of the sources."""
    async with charted.serving():
        await page.open(f"{PAGE}&spread=1")
        await page.until(READY)
        await page.evaluate("document.querySelector('.chart').focus()")
        for _ in range(4):
            await page.press("ArrowLeft")
        # A thousandth.
        await page.until(f"/Between sources\\s+(9.9|10|10.\\d) bps .2 sources/.test({LEGEND})")


async def test_a_second_instrument_is_compared_in_percent(charted: Market, page: Browser) -> None:
    """As people write its symbol; its gap is a gap, and the address keeps it."""
    async with charted.serving():
        await page.open(PAGE)
        await page.until(READY)
        await page.click(".compare input")
        await page.type_text("nonsense")
        await page.press("Enter")
        await page.until("document.querySelector('.compare .hint')?.innerText.includes('ETH/USDT')")
        for _ in "nonsense":
            await page.press("Backspace")
        await page.type_text("eth-usdt")
        await page.press("Enter")
        await page.until("location.search.includes('compare=ETH/USDT')")
        await page.evaluate("document.querySelector('.chart').focus()")
        for _ in range(4):
            await page.press("ArrowLeft")
        await page.until(f"/ETH.USDT Binance\\s+[\\d,.]+ [+\\u2212]?[\\d.]+ %/.test({LEGEND})")
        await page.until(f"{MARKS}.includes('Changes in percent')")
        for _ in range(32):
            await page.press("ArrowLeft")
        await page.until(f"/ETH.USDT Binance\\s+\\u2013/.test({LEGEND})")
        await page.reload()
        await page.until(f"{READY} && {LEGEND}.includes('ETH/USDT')")
        await page.click(".compare button")
        await page.until(f"!location.search.includes('compare') && !{LEGEND}.includes('ETH/USDT')")


async def test_an_instrument_that_nobody_tracks_is_said_to_be_none(charted: Market, page: Browser) -> None:
    """The chart stays, and the words say why the line is missing."""
    async with charted.serving():
        await page.open(f"{PAGE}&compare=NOSUCH/USDT")
        await page.until(f"{READY} && {MARKS}.includes('NOSUCH/USDT: The gateway has no answer to this')")


async def test_full_screen_stands_in_the_address(charted: Market, page: Browser) -> None:
    """A link opens the chart over the whole page, and Escape ends it."""
    async with charted.serving():
        await page.open(f"{PAGE}&full=1")
        await page.until(f"{READY} && {FULL}")
        await page.press("Escape")
        await page.until(f"!({FULL}) && !location.search.includes('full')")
        assert "symbol=" in await page.evaluate_as(str, "location.search")


@asynccontextmanager
async def moving(market: Market) -> AsyncIterator[None]:
    """Move the prices of two sources, one 60 above the other, within the block."""

    async def move() -> None:
        for number in count():
            await market.write(BTC, f"{60_000 + 200 * (number % 5)}.00")
            await market.write(BTC, f"{60_060 + 200 * (number % 5)}.00", Source.OKX)
            await asyncio.sleep(0.3)

    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(move())
        try:
            yield
        finally:
            task.cancel()


async def test_live_lines_are_of_one_state(charted: Market, page: Browser) -> None:
    """At every moment the consensus is between its sources, and their distance is named."""
    async with charted.serving(), moving(charted):
        await page.open(f"/?symbol={BTC}&range=live")
        await page.until(f"/Consensus\\s+60,\\d+.*Between sources\\s+[\\d.]+ bps/s.test({LEGEND})")
        await page.evaluate(
            f"""(() => {{
              const read = (name) => Number(new RegExp(name + '\\\\s+([\\\\d,.]+)').exec({LEGEND})?.[1].replaceAll(',', '') ?? 0);
              window.ratewireSeen = [];
              new MutationObserver(() => window.ratewireSeen.push(['Binance', 'OKX', 'Consensus'].map(read)))
                .observe(document.querySelector('.legend'), {{ childList: true, characterData: true, subtree: true }});
            }})()"""
        )
        await page.until("window.ratewireSeen.filter(each => each.every(Boolean)).length > 15")
        seen = await page.evaluate_as(list[list[float]], "window.ratewireSeen")
    whole = [(one, other, both) for one, other, both in seen if one and other and both]
    assert len({both for _, _, both in whole}) > 2
    assert all(min(one, other) <= both <= max(one, other) for one, other, both in whole)


async def test_the_live_legend_has_the_digits_of_the_table(charted: Market, page: Browser) -> None:
    """As the axis has, whatever a source publishes; the exact price is the title."""
    async with charted.serving():
        await charted.write(BTC, "59999.125827144412", Source.OKX)
        await page.open(f"/?symbol={BTC}&range=live")
        await page.until(f"/OKX\\s+59,999.13/.test({LEGEND})")
        assert await page.evaluate(
            "document.querySelector('.legend [title=\"59999.125827144412\"]') !== null"
        )


WATCH_TEXTS = """(() => {
  window.ratewireTexts = [];
  const write = CanvasRenderingContext2D.prototype.fillText;
  CanvasRenderingContext2D.prototype.fillText = function (text, left, top) {
    const { a: ratio, e: right, f: down } = this.getTransform();
    const [x, y] = [left + right / ratio, top + down / ratio];
    const [width, height] = [this.canvas.width / ratio, this.canvas.height / ratio];
    const half = this.textAlign === 'center' ? this.measureText(text).width / 2 : 0;
    if (text !== '') window.ratewireTexts.push({ text, isWhole: x - half > -1 && x + half < width + 1 && y > 4 && y < height - 4 });
    return write.call(this, text, left, top);
  };
})()"""


async def test_the_texts_of_the_axes_are_whole_or_left_out(charted: Market, page: Browser) -> None:
    """Half a date is another date: wherever the viewer moves, no end of an axis cuts one."""
    async with charted.serving():
        await page.open(f"{PAGE}&consensus=1&spread=1")
        await page.until(READY)
        await page.evaluate(WATCH_TEXTS)
        await page.evaluate("document.querySelector('.chart').focus()")
        for key in (
            "Shift+ArrowLeft",
            "+",
            "ArrowLeft",
            "Shift+ArrowLeft",
            "-",
            "PageUp",
            "Shift+ArrowRight",
        ):
            before = await page.evaluate_as(int, "window.ratewireTexts.length")
            await page.press(key)
            await page.until(f"window.ratewireTexts.length > {before}")
        texts = "window.ratewireTexts"
        assert await page.evaluate(f"{texts}.some(each => /^\\d\\d:\\d\\d$/.test(each.text))")
        assert (
            await page.evaluate(f"{texts}.filter(each => !each.isWhole).map(each => each.text).join()") == ""
        )
