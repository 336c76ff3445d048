"""Binance's wire fields of one price walk [shapes: exchanges.md 1.3 and 1.6].

Numbers as text with 8 decimals.
"""

from decimal import Decimal

from simulator.generated.price_walk import PriceWalk
from simulator.nanotime import DAY_MS, to_ms

EIGHT = Decimal("0.00000001")
THREE = Decimal("0.001")


def text(value: Decimal) -> str:
    """Format with eight decimals, trailing zeros kept."""
    return format(value.quantize(EIGHT), "f")


def price_text(walk: PriceWalk, ticks: int) -> str:
    """Format a price of this walk."""
    return text(ticks * walk.asset.tick_size)


def quantity_text(walk: PriceWalk, steps: int) -> str:
    """Format a quantity of this walk."""
    return text(steps * walk.step_size)


def trade(walk: PriceWalk) -> dict[str, object]:
    """`<s>@trade` for the last trade."""
    at_ms = to_ms(walk.trade_ns)
    return {
        "e": "trade",
        "E": at_ms,
        "s": walk.asset.binance_pair,
        "t": walk.trade_id,
        "p": price_text(walk, walk.last),
        "q": quantity_text(walk, walk.last_quantity),
        "T": at_ms,
        "m": walk.buyer_is_maker,
        "M": True,
    }


def aggregate_trade(walk: PriceWalk) -> dict[str, object]:
    """`<s>@aggTrade` for the last trade (each generated trade is one aggregate)."""
    at_ms = to_ms(walk.trade_ns)
    return {
        "e": "aggTrade",
        "E": at_ms,
        "s": walk.asset.binance_pair,
        "a": walk.aggregate_id,
        "p": price_text(walk, walk.last),
        "q": quantity_text(walk, walk.last_quantity),
        "f": walk.trade_id,
        "l": walk.trade_id,
        "T": at_ms,
        "m": walk.buyer_is_maker,
        "M": True,
    }


def book_ticker(walk: PriceWalk) -> dict[str, object]:
    """`<s>@bookTicker`; it has no time, as on the real exchange."""
    return {
        "u": walk.update_id,
        "s": walk.asset.binance_pair,
        "b": price_text(walk, walk.bid),
        "B": quantity_text(walk, walk.bid_quantity),
        "a": price_text(walk, walk.ask),
        "A": quantity_text(walk, walk.ask_quantity),
    }


def book_fields(walk: PriceWalk) -> dict[str, str]:
    """The fields of `ticker.book`."""
    return {
        "bidPrice": price_text(walk, walk.bid),
        "bidQty": quantity_text(walk, walk.bid_quantity),
        "askPrice": price_text(walk, walk.ask),
        "askQty": quantity_text(walk, walk.ask_quantity),
    }


def ticker_24h(walk: PriceWalk) -> dict[str, str | int]:
    """The fields of `ticker.24hr` FULL; closeTime is the time of the last trade."""
    stats, tick = walk.stats(), walk.asset.tick_size
    change = walk.last - stats.open
    close_ms = to_ms(walk.trade_ns)
    return {
        "priceChange": text(change * tick),
        "priceChangePercent": format((Decimal(change) * 100 / stats.open).quantize(THREE), "f"),
        "weightedAvgPrice": text(Decimal(stats.quote) * tick / stats.volume),
        "prevClosePrice": text(stats.previous_close * tick),
        "lastPrice": price_text(walk, walk.last),
        "lastQty": quantity_text(walk, walk.last_quantity),
        **book_fields(walk),
        "openPrice": text(stats.open * tick),
        "highPrice": text(stats.high * tick),
        "lowPrice": text(stats.low * tick),
        "volume": quantity_text(walk, stats.volume),
        "quoteVolume": text(stats.quote * tick * walk.step_size),
        "openTime": close_ms - DAY_MS,
        "closeTime": close_ms,
        "firstId": walk.trade_id - stats.count + 1,
        "lastId": walk.trade_id,
        "count": stats.count,
    }


def ticker(walk: PriceWalk) -> dict[str, object]:
    """`<s>@ticker`; its event time is that of the last change."""
    fields = ticker_24h(walk)
    return {
        "e": "24hrTicker",
        "E": to_ms(walk.event_ns),
        "s": walk.asset.binance_pair,
        **{short: fields[long] for short, long in TICKER_FIELDS.items()},
    }


TICKER_FIELDS = {
    "p": "priceChange",
    "P": "priceChangePercent",
    "w": "weightedAvgPrice",
    "x": "prevClosePrice",
    "c": "lastPrice",
    "Q": "lastQty",
    "b": "bidPrice",
    "B": "bidQty",
    "a": "askPrice",
    "A": "askQty",
    "o": "openPrice",
    "h": "highPrice",
    "l": "lowPrice",
    "v": "volume",
    "q": "quoteVolume",
    "O": "openTime",
    "C": "closeTime",
    "F": "firstId",
    "L": "lastId",
    "n": "count",
}


def mini_ticker(walk: PriceWalk) -> dict[str, object]:
    """`<s>@miniTicker`.

    Its event time is that of the last trade, so the times of an array spread over the second.
    """
    fields = ticker_24h(walk)
    return {
        "e": "24hrMiniTicker",
        "E": fields["closeTime"],
        "s": walk.asset.binance_pair,
        **{short: fields[TICKER_FIELDS[short]] for short in "cohlvq"},
    }
