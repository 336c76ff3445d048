"""OKX's ticker messages [shape: exchanges.md 5], all text, and how its market differs from the others."""

import json

from simulator.generated.venues import Channel, Profile
from simulator.markets import Quoted
from simulator.moments import to_ms

TICKERS = "okx:tickers:"


def tickers(quoted: Quoted) -> str:
    """One push; even the time is text. The midnight prices are the opening one: this market has no calendar."""
    fields = {
        "instType": "SPOT",
        "instId": quoted.code,
        "last": f"{quoted.last:f}",
        "lastSz": f"{quoted.last_quantity:f}",
        "askPx": f"{quoted.ask:f}",
        "askSz": f"{quoted.ask_quantity:f}",
        "bidPx": f"{quoted.bid:f}",
        "bidSz": f"{quoted.bid_quantity:f}",
        "open24h": f"{quoted.open:f}",
        "high24h": f"{quoted.high:f}",
        "low24h": f"{quoted.low:f}",
        "sodUtc0": f"{quoted.open:f}",
        "sodUtc8": f"{quoted.open:f}",
        "volCcy24h": f"{quoted.quote_volume:f}",
        "vol24h": f"{quoted.volume:f}",
        "ts": str(to_ms(quoted.event_ns)),
    }
    return json.dumps(
        {"arg": {"channel": "tickers", "instId": quoted.code}, "data": [fields]}, separators=(",", ":")
    )


def _split(code: str, _symbol: str) -> tuple[str, str]:
    base, _, quote = code.partition("-")
    return base, quote


OKX = Profile(
    source="okx",
    share=0.8,
    transit_ms=60,
    premium_bps=2,
    split=_split,
    channels=(Channel(TICKERS, tickers, on_trade=True, on_book=True, first=tickers),),
)
