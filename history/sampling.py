"""Sources that publish prices, not trades: their candles are made of samples.

See docs/decisions/0076-candles-of-samples.md.
"""

from datetime import timedelta

from history.candle import Candle, CandleOrigin
from rates.source import Source, SourceKind

# A minute that is not proved by then is stored as it is known. Longer than a silent connection stays unnoticed.
_PROOF_WAIT = timedelta(seconds=35)


def is_sampled(source: Source) -> bool:
    """Return whether the candles of a source are made of samples."""
    return source.kind is SourceKind.AGGREGATOR


def own_origin(source: Source) -> CandleOrigin:
    """Return the origin of the candles of a source that we make ourselves."""
    return CandleOrigin.SAMPLES if is_sampled(source) else CandleOrigin.TRADES


def name_origin(candle: Candle, source: Source) -> CandleOrigin:
    """Return the origin of a candle of a source, whatever of it is known."""
    return own_origin(source) if candle.origin is CandleOrigin.TRADES else candle.origin


def longest_pause(source: Source) -> timedelta:
    """Return how far two samples may be apart for the time between them to count as known."""
    return timedelta(seconds=source.ttl_s)


def proof_wait(source: Source) -> timedelta:
    """Return how long after a time its proof may still come.

    A sample proves the time since the one before it.
    """
    return _PROOF_WAIT + longest_pause(source) if is_sampled(source) else _PROOF_WAIT
