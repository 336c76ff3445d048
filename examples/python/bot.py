"""Decide on live rates, and only on those that are known to be fresh.

It trades nothing: it prints decisions.

The bot stops deciding when its rate is stale, unavailable or suspect, or the connection is lost. It goes on when the rate is
fresh again, and keeps its average only if the server proves that nothing was missed.

pip install websockets
python bot.py BTC/USDT BINANCE
"""

import asyncio
import os
import sys
from collections import deque
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from resuming import HeldRates, ReceivedRate, resuming

URL = os.environ.get("RATEWIRE_URL", "http://localhost:8000/graphql").replace("http", "ws", 1)
DOCUMENT = """
subscription ($symbols: [Symbol!], $sources: [SourceId!], $after: String) {
  rates(symbols: $symbols, sources: $sources, sampleIntervalMs: 250, after: $after) {
    kind recovered cursor sentAt
    items { id symbol source { code } price observedAt ttlMs }
    unavailable { symbol source { code } reason message }
  }
}
"""
# A rate turns stale without an event, so the bot looks at it at least this often.
CHECK_EVERY_S = 0.2
PRICES_IN_AVERAGE = 20
THRESHOLD = Decimal("0.0005")


class Bot:
    """Compares each new price with the average of the last ones."""

    def __init__(self, rates: HeldRates, symbol: str, source: str) -> None:
        self._rates = rates
        self._symbol, self._source = symbol, source
        self._prices: deque[Decimal] = deque(maxlen=PRICES_IN_AVERAGE)
        self._last: ReceivedRate | None = None
        self._doubt: str | None = "not connected yet"
        self._proof = "first snapshot"

    def on_event(self, event: Mapping[str, Any]) -> None:
        """Note what an event proves, and decide."""
        if event["kind"] == "SNAPSHOT":
            self._proof = "nothing was missed" if event["recovered"] else "a new average begins"
            if not event["recovered"]:
                self._prices.clear()
        self.check()

    def check(self) -> None:
        """Decide on a new price, unless there is a reason for doubt."""
        rate = next(
            (each for each in self._rates.held.values() if each.values["source"]["code"] == self._source),
            None,
        )
        doubt = self._find_doubt(rate)
        if (doubt is None) != (self._doubt is None):
            print(f"DECIDING: {self._proof}" if doubt is None else f"STOPPED: {doubt}", flush=True)
            self._proof = "the rate is fresh again"
        self._doubt = doubt
        if doubt is None and rate is not None and rate is not self._last:
            self._last = rate
            self._decide(Decimal(rate.values["price"]))

    def _find_doubt(self, rate: ReceivedRate | None) -> str | None:
        if not self._rates.is_connected:
            return "the connection is lost, or a gap is being filled"
        for source in (self._source, None):
            if missing := self._rates.unavailable.get((self._symbol, source)):
                return f"{missing['reason']}: {missing['message']}"
        if rate is None:
            return "no rate yet"
        now = self._rates.now()
        if not rate.is_fresh(now):
            return f"the rate is {now - rate.observed_at} old and is fresh for {rate.ttl}"
        return None

    def _decide(self, price: Decimal) -> None:
        average = sum(self._prices, price) / (len(self._prices) + 1)
        distance = price / average - 1
        decision = "BUY" if distance < -THRESHOLD else "SELL" if distance > THRESHOLD else "WAIT"
        print(f"{decision} at {price}, average {average:.8f} of {len(self._prices) + 1}", flush=True)
        self._prices.append(price)


async def check_forever(bot: Bot) -> None:
    while True:
        bot.check()
        await asyncio.sleep(CHECK_EVERY_S)


async def main(symbol: str, source: str) -> None:
    rates = HeldRates()
    bot = Bot(rates, symbol, source)
    variables = {"symbols": [symbol], "sources": [source]}
    # An error in either of the two ends both.
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(check_forever(bot))
        async for event in resuming(URL, DOCUMENT, variables, held=rates, on_lost=lambda _: bot.check()):
            bot.on_event(event)


asyncio.run(main(*(sys.argv[1:3] if len(sys.argv) > 2 else ["BTC/USDT", "BINANCE"])))
