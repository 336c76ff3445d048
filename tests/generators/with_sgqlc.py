"""Runs the operations as sgqlc generates them, and prints one JSON line a result.

python with_sgqlc.py URL
"""

import json
import sys
from pathlib import Path

from sgqlc.endpoint.http import HTTPEndpoint
from sgqlc.endpoint.websocket import WebSocketEndpoint

sys.path.insert(0, str(Path(__file__).parent / "generated"))

from rates_operations import Operations


def say(line: object) -> None:
    print(json.dumps(line), flush=True)


def main(url: str) -> None:
    endpoint, query = HTTPEndpoint(url), Operations.query
    data = endpoint(query.read_rates, {"symbols": ["BTC/USDT", "NO/SUCH"], "onStale": "RETURN"})
    rates = (query.read_rates + data).rates
    say(
        {
            "rates": [(item.id, item.source.code, item.price) for item in rates.items],
            "unavailable": [(each.symbol, each.reason) for each in rates.unavailable],
        }
    )
    after = None
    while True:
        data = endpoint(query.list_instruments, {"filter": {"source": "BINANCE"}, "first": 1, "after": after})
        page = (query.list_instruments + data).instruments
        say({"page": [edge.node.symbol for edge in page.edges], "total": page.total_count})
        if not page.page_info.has_next_page:
            break
        after = page.page_info.end_cursor
    data = endpoint(query.convert, {"input": [{"amount": "2", "from": "BTC", "to": "USDT"}]})
    conversions = (query.convert + data).conversions
    say({"conversions": [(each.from_, each.to, each.result) for each in conversions.items]})
    socket = WebSocketEndpoint(url.replace("http", "ws", 1))
    follow = Operations.subscription.follow_rates
    for data in socket(follow, {"symbols": ["BTC/USDT"]}):
        event = (follow + data).rates
        if event.kind != "HEARTBEAT":
            say({"kind": event.kind, "prices": [item.price for item in event.items]})
        if event.kind == "UPDATE":
            break


main(*sys.argv[1:])
