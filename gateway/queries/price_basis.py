"""The price of a rate that merged answers use: the last trade, or the mid of the quotes."""

from decimal import Context, Decimal, Inexact
from enum import StrEnum

from gateway.queries.rate import Rate
from rates.age import age_at, within

# Prices have at most 50 digits on either side of the point (`rates.number`): half of a sum adds one.
EXACT = Context(prec=110, traps=[Inexact])
BPS = 10_000
_TWO = Decimal(2)


class PriceBasis(StrEnum):
    """Prices of a rate that a merged answer can use."""

    LAST_TRADE = "LAST_TRADE"
    MID = "MID"


def mid(bid: Decimal | None, ask: Decimal | None) -> Decimal | None:
    """Return the exact middle of bid and ask; `None` without both."""
    if bid is None or ask is None:
        return None
    return EXACT.divide(EXACT.add(bid, ask), _TWO)


def spread_bps(bid: Decimal | None, ask: Decimal | None) -> Decimal | None:
    """Return the distance from bid to ask in basis points of their mid.

    `None` without both; negative in a crossed book.
    """
    middle = mid(bid, ask)
    if bid is None or ask is None or not middle:
        return None
    return (ask - bid) * BPS / middle


def price_basis(rate: Rate) -> PriceBasis:
    """Return MID where fresh quotes have left the last trade behind.

    That is: the trade is outside bid..ask, or older than the TTL of the source.

    Quotes are fresh while their age is within the source's TTL. A trade of unknown time counts by its price only. See
    docs/consensus.md.
    """
    ticker = rate.ticker
    if ticker.bid is None or ticker.ask is None or ticker.quoted_at is None or ticker.bid > ticker.ask:
        return PriceBasis.LAST_TRADE
    if not within(age_at(rate.now, ticker.quoted_at), rate.ttl):
        return PriceBasis.LAST_TRADE
    if not ticker.bid <= ticker.price <= ticker.ask:
        return PriceBasis.MID
    traded_at = ticker.last_trade_at
    is_old = traded_at is not None and not within(age_at(rate.now, traded_at), rate.ttl)
    return PriceBasis.MID if is_old else PriceBasis.LAST_TRADE


def merged_price(rate: Rate) -> Decimal:
    """Return the price of the rate that consensus and conversion use."""
    if price_basis(rate) is PriceBasis.MID and (middle := mid(rate.ticker.bid, rate.ticker.ask)):
        return middle
    return rate.ticker.price
