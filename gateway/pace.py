"""How often a reader wants to hear: at most once an interval, at least once a silence. Knows nothing of rates."""

import asyncio
from decimal import Decimal
from enum import Enum, auto
from math import isfinite

import msgspec

from gateway.subscribers import Subscriber
from rates.errors import InvalidArgument

MAX_SAMPLE_INTERVAL_MS = 3_600_000
MIN_SILENCE_MS, MAX_SILENCE_MS = 100, 3_600_000
MAX_CHANGE_BPS = 1_000_000


class Pace(msgspec.Struct, frozen=True):
    """Seconds between two updates at least, basis points that are a move, seconds until a sign of life (`None`: never)."""

    sample_interval_s: float = 0.0
    min_change_bps: Decimal = Decimal(0)
    max_silence_s: float | None = None


def parse_pace(sample_interval_ms: int, min_change_bps: float, max_silence_ms: int | None = None) -> Pace:
    """The pace that a client asks for.

    Raises:
        InvalidArgument: out of range.
    """
    _check("sampleIntervalMs", sample_interval_ms, 0, MAX_SAMPLE_INTERVAL_MS)
    _check("minChangeBps", min_change_bps, 0, MAX_CHANGE_BPS)
    if max_silence_ms is not None:
        _check("maxSilenceMs", max_silence_ms, MIN_SILENCE_MS, MAX_SILENCE_MS)
    return Pace(
        sample_interval_ms / 1000,
        # The shortest text that means this float is what the client wrote.
        Decimal(repr(min_change_bps)),
        None if max_silence_ms is None else max_silence_ms / 1000,
    )


def _check(name: str, value: float, least: int, most: int) -> None:
    if not (isfinite(value) and least <= value <= most):
        raise InvalidArgument(name, value, f"{least} to {most}")


class Beat(Enum):
    """Why a wait ended."""

    UPDATE = auto()
    SILENCE = auto()


class Pulse:
    """When one reader is next told something. Starts with its first event."""

    def __init__(self, pace: Pace, subscriber: Subscriber) -> None:
        self._pace = pace
        self._subscriber = subscriber
        self._clock = asyncio.get_running_loop().time
        self._updated = self._spoke = self._clock()

    async def wait(self) -> Beat:
        """Until an update is due and there is one, or the silence has lasted long enough."""
        if self._is_update_due():
            return Beat.UPDATE
        silence_s = self._pace.max_silence_s
        silent_at = None if silence_s is None else self._spoke + silence_s
        try:
            async with asyncio.timeout_at(silent_at):
                await asyncio.sleep(self._until_due_s())
                await self._subscriber.wait()
        except TimeoutError:
            return Beat.UPDATE if self._is_update_due() else Beat.SILENCE
        return Beat.UPDATE

    def note_update(self) -> None:
        """An update goes out now."""
        self._updated = self._spoke = self._clock()

    def _until_due_s(self) -> float:
        return max(0.0, self._updated + self._pace.sample_interval_s - self._clock())

    def _is_update_due(self) -> bool:
        return self._subscriber.has_pending and not self._until_due_s()

    def note_heartbeat(self) -> None:
        """A sign of life goes out now."""
        self._spoke = self._clock()
