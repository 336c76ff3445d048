"""Kraken's v2 ticker messages [shape: exchanges.md 3], numbers bare, and how its market differs from the others."""

from decimal import Decimal

from simulator.generated.venues import Channel, Profile
from simulator.markets import Quoted
from simulator.moments import iso_text

TRADES, BBO = "kraken:ticker:trades:", "kraken:ticker:bbo:"
PLACES = Decimal("0.01")


def snapshot(quoted: Quoted) -> str:
    """The first message after subscribing."""
    return _message("snapshot", quoted)


def update(quoted: Quoted) -> str:
    """Every further one."""
    return _message("update", quoted)


def _message(kind: str, quoted: Quoted) -> str:
    change = quoted.last - quoted.open
    numbers = {
        "bid": quoted.bid,
        "bid_qty": quoted.bid_quantity,
        "ask": quoted.ask,
        "ask_qty": quoted.ask_quantity,
        "last": quoted.last,
        "volume": quoted.volume,
        "vwap": (quoted.quote_volume / quoted.volume).quantize(quoted.last),
        "low": quoted.low,
        "high": quoted.high,
        "change": change,
        "change_pct": (change * 100 / quoted.open).quantize(PLACES),
    }
    fields = ",".join(f'"{name}":{_number(value)}' for name, value in numbers.items())
    return (
        f'{{"channel":"ticker","type":"{kind}","data":[{{"symbol":"{quoted.code}",{fields},'
        f'"timestamp":"{iso_text(quoted.event_ns)}"}}]}}'
    )


def _number(value: Decimal) -> str:
    plain = f"{value:f}"
    if "." not in plain:
        return plain + ".0"
    plain = plain.rstrip("0")
    return plain + "0" if plain.endswith(".") else plain


def _split(code: str, _symbol: str) -> tuple[str, str]:
    base, _, quote = code.partition("/")
    return base, quote


KRAKEN = Profile(
    source="kraken",
    share=0.4,
    transit_ms=45,
    premium_bps=4,
    split=_split,
    channels=(
        Channel(TRADES, update, on_trade=True, first=snapshot),
        Channel(BBO, update, on_trade=True, on_book=True, first=snapshot),
    ),
)
