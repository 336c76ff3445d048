"""The recorded day of each source, among the details of the sources."""

from datetime import timedelta

import pytest

from history.lag_counts import LagCounts
from history.source_record import RecordedPiece, RecordedState, SourceFigures, SourcePeriod
from history.store import HistoryStore
from instruments.store import InstrumentStore
from rates.clock import utc_now
from rates.source import Source
from tests.dashboard.browser import PHONE, ContextOptions, browsing
from tests.dashboard.conftest import Market

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.servers]

MINUTE = timedelta(minutes=1)
MINUTES, BROKEN = 40, range(10, 20)
LOOKS: list[ContextOptions] = [{}, {"colorScheme": "dark", **PHONE}, {"forcedColors": "active"}]
ROWS = "[...document.querySelectorAll('.source-days tbody tr')]"
ROW = f"{ROWS}.find(each => each.innerText.startsWith('Kraken'))"


async def record(database_url: str) -> None:
    """Write what a recorder would have kept of Kraken: 40 minutes, ten of them down."""
    begin = utc_now().replace(second=0, microsecond=0) - timedelta(hours=3)
    pieces = []
    for number in range(MINUTES):
        lags = LagCounts()
        lags.add(40)
        state = RecordedState.DOWN if number in BROKEN else RecordedState.UP
        start = begin + number * MINUTE
        period = SourcePeriod(start, start + MINUTE, state, "no answer" if number in BROKEN else None)
        pieces.append(RecordedPiece("kraken", (period,), SourceFigures(1, number % 2, lags)))
    store = InstrumentStore(database_url, simulated=True)
    await HistoryStore(store, simulated=True).record_sources(pieces)
    await store.close()


async def test_the_details_show_what_was_recorded_of_each_source(market: Market) -> None:
    """Times without a record are told apart from those that worked, in words too."""
    await record(market.database_url)
    await market.write("BTC/USD", "60000.50", Source.KRAKEN)
    async with market.serving(), browsing(market.url) as browser:
        for look in LOOKS:
            await browser.open("/", **look)
            await browser.until("document.querySelector('.strip button') !== null")
            await browser.click(".strip button")
            await browser.until(f"{ROW}?.querySelector('[data-state=DOWN]')")
            cells = f"[...{ROW}.cells].slice(2).map(each => each.innerText.replace(/\\s/g, ' '))"
            # Delays are stored in steps of a few per cent, and told by the upper end of one.
            assert await browser.evaluate(cells) == ["75.0 % of 40 m 00 s", "41 ms", "41 ms", "20"]
            label = str(await browser.evaluate(f"{ROW}.querySelector('svg').ariaLabel"))
            assert label.startswith("not recorded ")
            assert "not working " in label
            # The others were never recorded.
            await browser.until(f"{ROWS}.filter(each => each.innerText.includes('not recorded')).length > 3")
            assert await browser.evaluate("document.documentElement.scrollWidth <= innerWidth")
            assert await browser.axe() == []
