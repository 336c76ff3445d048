"""Print each change of a rate.

pip install "gql[websockets]"
python live.py BTC/USDT
"""

import asyncio
import os
import sys

from gql import Client, gql
from gql.transport.websockets import WebsocketsTransport

URL = os.environ.get("RATEWIRE_URL", "http://localhost:8000/graphql").replace("http", "ws", 1)
DOCUMENT = gql(
    """
    subscription ($symbol: Symbol!) {
      rate(symbol: $symbol, sampleIntervalMs: 250) { price source { code } observedAt freshness }
    }
    """
)


async def main(symbol: str) -> None:
    DOCUMENT.variable_values = {"symbol": symbol}
    transport = WebsocketsTransport(
        URL, subprotocols=["graphql-transport-ws"], ping_interval=10, pong_timeout=10
    )
    async with Client(transport=transport) as session:
        async for data in session.subscribe(DOCUMENT):
            rate = data["rate"]
            print(rate["observedAt"], rate["source"]["code"], rate["price"], rate["freshness"], flush=True)


asyncio.run(main(*(sys.argv[1:2] or ["BTC/USDT"])))
