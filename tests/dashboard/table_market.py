"""A market of a few instruments with known figures, and how tests read its table."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from decimal import Decimal
from typing import Unpack

from cache.redis_sink import RedisTickerSink
from rates.clock import utc_now
from rates.redis_keys import RedisKeys
from rates.source import Source
from rates.ticker import Ticker
from tests.dashboard.browser import Browser, ContextOptions
from tests.dashboard.conftest import Market
from tests.gateway.fakes import build_ticker

BTC, FLOW, BIG = "BTC/USD", "FLOW/USD", "BONK/USD"
ROWS = "document.querySelectorAll('.grid [role=rowheader]').length"
SYMBOLS = "[...document.querySelectorAll('.grid [data-symbol]')].map((row) => row.dataset.symbol)"
HEADS = "[...document.querySelectorAll('.head [role=columnheader]')].map((head) => head.innerText.replace(/ [↓↑]/, ''))"
CLIPBOARD = ["clipboard-read", "clipboard-write"]
WIDE: ContextOptions = {"viewport": {"width": 1600, "height": 900}, "permissions": CLIPBOARD}


def cell(symbol: str, column: str) -> str:
    """A script for a cell's element."""
    return f'document.querySelector(\'[data-symbol="{symbol}"] [data-column="{column}"]\')'


def text(symbol: str, column: str) -> str:
    return f"({cell(symbol, column)}?.innerText ?? '')"


RATES = [
    (BTC, "62386.41", Source.COINBASE, "100"),
    (BTC, "62386.40", Source.KRAKEN, "50"),
    (BTC, "62386.4183912345", Source.COINGECKO, None),
    (FLOW, "0.4000", Source.COINBASE, "10"),
    (FLOW, "0.4000", Source.KRAKEN, "10"),
    (FLOW, "0.4101", Source.COINGECKO, None),
    (BIG, "123456789012345.12", Source.COINGECKO, None),
    ("ETH/USD", "2501.25", Source.KRAKEN, "1000"),
    ("ETH/USDT", "2501.3", Source.BINANCE, "2000"),
    ("USDT/USD", "0.9999", Source.KRAKEN, "1"),
]

BY_SYMBOL = f"/?sort=symbol&dir=asc&symbols={','.join(sorted({symbol for symbol, *_ in RATES}))}"


def _ticker(now: datetime, symbol: str, price: str, source: Source, volume: str | None) -> Ticker:
    return build_ticker(
        symbol,
        price,
        source=source,
        observed_at=now,
        simulated=True,
        volume_24h=None if volume is None else Decimal(volume),
        change_percent_24h=Decimal("1.25"),
    )


@asynccontextmanager
async def kept_fresh(market: Market) -> AsyncIterator[None]:
    """Write all rates again each second within the block."""
    sink = RedisTickerSink(market.redis, RedisKeys(simulated=True))

    async def write() -> None:
        while True:
            now = utc_now()
            # A message of the cache is of one source.
            for wanted in {source for _, _, source, _ in RATES}:
                await sink.write([_ticker(now, *rate) for rate in RATES if rate[2] is wanted])
            await asyncio.sleep(1)

    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(write())
        try:
            yield
        finally:
            task.cancel()


async def visit(page: Browser, path: str = "/", **context: Unpack[ContextOptions]) -> None:
    options: ContextOptions = {**WIDE, **context}
    await page.open(path, **options)
    await page.until(f"{SYMBOLS}.includes('{BTC}')")
    await page.until(f"{text(BTC, 'price')}.includes('62,386.4')")
    # Until the consensus has come a source leads. Narrow tables show the lead below the name.
    for symbol in (BTC, FLOW):
        await page.until(
            f"document.querySelector('[data-symbol=\"{symbol}\"] .via')?.textContent === 'Median of 2'"
        )
