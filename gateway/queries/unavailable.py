"""Reasons for missing rates.

As entries of `unavailable`, and as errors where one rate was requested.
"""

from gateway.queries.rate import Rate, UnavailableRate, UnavailableReason
from gateway.queries.rates_query import FreshnessPolicy
from instruments.instrument import Instrument
from rates.age import format_age_ms
from rates.clock import format_span_ms
from rates.errors import NotTrading, RateNotSeen, RateStale, SourceDown, SuspectIdentity, UnknownSymbol
from rates.source import Source
from rates.symbol import Symbol
from rates.ticker import TickerKey


def unknown(symbol: Symbol, source: Source | None, error: UnknownSymbol) -> UnavailableRate:
    """Explain that `source`, or no requested one, tracks the symbol."""
    return UnavailableRate(symbol, source, UnavailableReason.UNKNOWN_SYMBOL, str(error))


def unseen(key: TickerKey, *, is_down: bool) -> UnavailableRate:
    """Explain that the source has not published the symbol yet, or is down."""
    error = (SourceDown if is_down else RateNotSeen)(str(key.symbol), key.source.name)
    reason = UnavailableReason.SOURCE_DOWN if is_down else UnavailableReason.NOT_YET_SEEN
    return UnavailableRate(key.symbol, key.source, reason, str(error))


def halted(instrument: Instrument) -> UnavailableRate:
    """Explain that the source does not trade the instrument, or may mean another asset by it."""
    reason = UnavailableReason.NOT_TRADING if instrument.halt else UnavailableReason.SUSPECT_IDENTITY
    return UnavailableRate(instrument.symbol, instrument.source, reason, str(withdrawn(instrument)))


def withheld(rate: Rate, policy: FreshnessPolicy) -> UnavailableRate:
    """Explain that the rate fails the freshness policy."""
    message = str(too_old(rate, policy))
    return UnavailableRate(rate.ticker.symbol, rate.ticker.source, UnavailableReason.STALE, message)


def withdrawn(instrument: Instrument) -> NotTrading | SuspectIdentity:
    """Return `halted` as an error."""
    halt, suspicion = instrument.halt, instrument.suspicion
    if halt is None:
        assert suspicion is not None, "the catalog keeps the answered instruments apart"
        symbol, source = str(instrument.symbol), instrument.source.name
        return SuspectIdentity(symbol, source, detail=suspicion.detail, since=suspicion.since)
    return NotTrading(str(instrument.symbol), instrument.source.name, word=halt.word, since=halt.since)


def too_old(rate: Rate, policy: FreshnessPolicy) -> RateStale:
    """Return `withheld` as an error."""
    symbol, source = str(rate.ticker.symbol), rate.ticker.source.name
    trade_age, max_trade_age = rate.trade_age, policy.max_trade_age
    return RateStale(
        symbol,
        source,
        age_ms=rate.age_ms,
        max_age_ms=format_span_ms(policy.limit(rate.ttl)),
        trade_age_ms=None if trade_age is None else format_age_ms(trade_age),
        max_trade_age_ms=None if max_trade_age is None else format_span_ms(max_trade_age),
    )
