"""How often a reader wants to hear: at most once an interval, at least once a silence. Knows nothing of rates."""

import asyncio
from decimal import Decimal
from enum import Enum, auto
from math import inf, isfinite

import msgspec

from gateway.subscribers import Subscriber
from rates.clock import Clock
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
    ALARM = auto()
    SILENCE = auto()


class Pulse:
    """When one reader is next told something; the first update may come at once. `clock` is that of the subscriber's alarms."""

    def __init__(self, pace: Pace, subscriber: Subscriber, clock: Clock) -> None:
        self._pace = pace
        self._subscriber = subscriber
        self._clock = clock
        self._time = asyncio.get_running_loop().time
        self._updated, self._spoke = -inf, self._time()

    async def wait(self) -> Beat:
        """Until an update is due and there is one, the subscriber's alarm goes off, or the silence has lasted long enough."""
        while True:
            if self._subscriber.has_pending and self._has_come(self._update_at):
                return Beat.UPDATE
            if self._has_come(alarm_at := self._alarm_at()):
                return Beat.ALARM
            if self._has_come(silent_at := self._silent_at()):
                return Beat.SILENCE
            update_at = self._update_at if self._subscriber.has_pending else None
            await self._pause(
                min((at for at in (update_at, alarm_at, silent_at) if at is not None), default=None)
            )

    def note_update(self) -> None:
        """An update goes out now."""
        self._updated = self._spoke = self._time()

    def note_heartbeat(self) -> None:
        """A sign of life goes out now."""
        self._spoke = self._time()

    async def _pause(self, until: float | None) -> None:
        """Until then; while nothing is pending, at the longest until the subscriber has news. `wait` looks again."""
        try:
            async with asyncio.timeout_at(until):
                if self._subscriber.has_pending:
                    await asyncio.get_running_loop().create_future()
                await self._subscriber.wait()
        except TimeoutError:
            return

    @property
    def _update_at(self) -> float:
        return self._updated + self._pace.sample_interval_s

    def _silent_at(self) -> float | None:
        return None if self._pace.max_silence_s is None else self._spoke + self._pace.max_silence_s

    def _alarm_at(self) -> float | None:
        """The alarm on the loop's clock."""
        alarm = self._subscriber.alarm
        return None if alarm is None else self._time() + (alarm - self._clock()).total_seconds()

    def _has_come(self, at: float | None) -> bool:
        return at is not None and at <= self._time()
