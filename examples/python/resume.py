"""Print rates and resume after every lost connection.

pip install websockets
python resume.py BTC/USDT ETH/USDT
"""

import asyncio
import os
import sys

from resuming import resuming

URL = os.environ.get("RATEWIRE_URL", "http://localhost:8000/graphql").replace("http", "ws", 1)
DOCUMENT = """
subscription ($symbols: [Symbol!], $after: String) {
  rates(symbols: $symbols, sampleIntervalMs: 250, after: $after) {
    kind recovered conflatedCount cursor
    items { id price observedAt freshness }
    unavailable { symbol source { code } message }
  }
}
"""
RECOVERY = {None: "", True: " (nothing was missed)", False: " (something may have been missed)"}


async def main(symbols: list[str]) -> None:
    prices: dict[str, str] = {}
    async for event in resuming(
        URL, DOCUMENT, {"symbols": symbols}, on_lost=lambda error: print("lost:", error)
    ):
        if event["kind"] == "SNAPSHOT" and event["recovered"] is False:
            prices.clear()
        prices |= {rate["id"]: rate["price"] for rate in event["items"]}
        print(f"{event['kind']}{RECOVERY[event['recovered']]}", prices, flush=True)


asyncio.run(main(sys.argv[1:] or ["BTC/USDT", "ETH/USDT"]))
