"""Runs the operations as ariadne-codegen types them, and prints one JSON line a result.

python with_ariadne.py URL
"""

import asyncio
import json
import sys
from decimal import Decimal
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "generated"))

from ariadne_rates import Client
from ariadne_rates.enums import EventKind, OnStale, SourceId
from ariadne_rates.input_types import ConversionInput, InstrumentFilter


def say(line: object) -> None:
    print(json.dumps(line, default=str), flush=True)


async def main(url: str) -> None:
    async with Client(url=url, ws_url=url.replace("http", "ws", 1)) as client:
        rates = (await client.read_rates(symbols=["BTC/USDT", "NO/SUCH"], on_stale=OnStale.RETURN)).rates
        say(
            {
                "rates": [(item.id, item.source.code, item.price) for item in rates.items],
                "unavailable": [(each.symbol, each.reason) for each in rates.unavailable],
            }
        )
        after = None
        while True:
            wanted = InstrumentFilter(source=SourceId.BINANCE)
            page = (await client.list_instruments(filter_=wanted, first=1, after=after)).instruments
            say({"page": [edge.node.symbol for edge in page.edges], "total": page.total_count})
            if not page.page_info.has_next_page:
                break
            after = page.page_info.end_cursor
        amount = ConversionInput(amount=Decimal(2), from_="BTC", to="USDT")
        conversions = (await client.convert(input=[amount])).conversions
        say({"conversions": [(each.from_, each.to, each.result) for each in conversions.items]})
        updated = asyncio.Event()
        following = asyncio.create_task(follow(client, updated))
        await asyncio.wait({following, asyncio.create_task(updated.wait())}, return_when="FIRST_COMPLETED")
        # A `break` would leave the generators below to the garbage collector.
        following.cancel()
        await asyncio.wait({following})


async def follow(client: Client, updated: asyncio.Event) -> None:
    async for result in client.follow_rates(symbols=["BTC/USDT"]):
        event = result.rates
        if event.kind is not EventKind.HEARTBEAT:
            say({"kind": event.kind, "prices": [item.price for item in event.items]})
        if event.kind is EventKind.UPDATE:
            updated.set()


asyncio.run(main(*sys.argv[1:]))
