"""Delivery options of a subscription: limits of its rate, its changes and its silence."""

from datetime import timedelta
from decimal import Decimal
from math import isfinite

import msgspec

from rates.errors import InvalidArgument

MAX_SAMPLE_INTERVAL_MS = 3_600_000
MIN_SILENCE_MS, MAX_SILENCE_MS = 100, 3_600_000
MAX_CHANGE_BPS = 1_000_000
THROTTLED_INTERVAL_S = 1.0


class DeliveryOptions(msgspec.Struct, frozen=True):
    """Seconds between updates, minimum change, seconds until a heartbeat (`None`: never).

    The change is in basis points (1/100 %) of the price sent last. With `max_trade_age`, lists leave out rates whose last trade
    is older or of unknown time.
    """

    sample_interval_s: float = 0.0
    min_change_bps: Decimal = Decimal(0)
    max_silence_s: float | None = None
    max_trade_age: timedelta | None = None
    full: "DeliveryOptions | None" = None
    """Set while events are fewer than the client asked for, and say so: what it asked for. Its budget of streams is spent."""

    @property
    def is_throttled(self) -> bool:
        """Whether events are fewer than the client asked for."""
        return self.full is not None

    def throttled(self) -> "DeliveryOptions":
        """Return the options of a client whose budget of streams is spent: an event a second."""
        return msgspec.structs.replace(
            self, sample_interval_s=max(self.sample_interval_s, THROTTLED_INTERVAL_S), full=self
        )


def parse_delivery_options(
    sample_interval_ms: int,
    min_change_bps: float,
    max_silence_ms: int | None = None,
    max_trade_age: timedelta | None = None,
) -> DeliveryOptions:
    """Parse the arguments of a subscription.

    Raises:
        InvalidArgument: out of range.
    """
    _check("sampleIntervalMs", sample_interval_ms, 0, MAX_SAMPLE_INTERVAL_MS)
    _check("minChangeBps", min_change_bps, 0, MAX_CHANGE_BPS)
    if max_silence_ms is not None:
        _check("maxSilenceMs", max_silence_ms, MIN_SILENCE_MS, MAX_SILENCE_MS)
    return DeliveryOptions(
        sample_interval_ms / 1000,
        # The shortest text that means this float is what the client wrote.
        Decimal(repr(min_change_bps)),
        None if max_silence_ms is None else max_silence_ms / 1000,
        max_trade_age,
    )


def _check(name: str, value: float, least: int, most: int) -> None:
    if not (isfinite(value) and least <= value <= most):
        raise InvalidArgument(name, value, f"{least} to {most}")
