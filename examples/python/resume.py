"""Print rates and resume after every lost connection.

pip install websockets
python resume.py BTC/USDT ETH/USDT
"""

import asyncio
import os
import sys

from resuming import HeldRates, resuming

URL = os.environ.get("RATEWIRE_URL", "http://localhost:8000/graphql").replace("http", "ws", 1)
DOCUMENT = """
subscription ($symbols: [Symbol!], $after: String) {
  rates(symbols: $symbols, sampleIntervalMs: 250, after: $after) {
    kind recovered conflatedCount cursor sentAt
    items { id symbol source { code } price observedAt ttlMs }
    unavailable { symbol source { code } message }
  }
}
"""
RECOVERY = {None: "", True: " (nothing was missed)", False: " (something may have been missed)"}


async def main(symbols: list[str]) -> None:
    rates = HeldRates()
    async for event in resuming(
        URL, DOCUMENT, {"symbols": symbols}, held=rates, on_lost=lambda error: print("lost:", error)
    ):
        now = rates.now()
        prices = {
            name: rate.values["price"] + ("" if rate.is_fresh(now) else " (not fresh)")
            for name, rate in rates.held.items()
        }
        print(f"{event['kind']}{RECOVERY[event['recovered']]}", prices, flush=True)


asyncio.run(main(sys.argv[1:] or ["BTC/USDT", "ETH/USDT"]))
