"""A request budget in Redis.

Each call is one script, so that two replicas never both take the last call.
"""

import hashlib
import secrets
from datetime import timedelta

from cache.redis_client import LuaScript, RedisClient, read_script
from pipeline.coordination.call_limits import (
    CallLimits,
    cooling_down,
    month_of,
    next_month,
    paced,
    quota_spent,
    state_of,
    window_full,
)
from rates.clock import Clock, format_us, parse_us
from rates.health import CallBudgetState
from rates.redis_keys import RedisKeys
from rates.source import Source

# Clocks that differ by more are another time: the answer is converted to the caller's.
CLOCK_TOLERANCE = timedelta(seconds=2)
_MICROSECOND = timedelta(microseconds=1)


class RedisRequestBudget:
    """A `RequestBudget` on Redis.

    Calls are timed by the clock of Redis, so that the clocks of replicas need not agree; `clock` gives the month, and the times of
    answers. With `is_clock_shared` all replicas have the same `clock`, and all times are taken from it.
    """

    def __init__(
        self,
        redis: RedisClient,
        keys: RedisKeys,
        source: Source,
        limits: CallLimits,
        *,
        clock: Clock,
        is_clock_shared: bool = False,
    ) -> None:
        self._keys, self._source, self._limits, self._clock = keys, source, limits, clock
        self._is_clock_shared = is_clock_shared
        self._take = LuaScript(redis, read_script("pipeline.coordination", "block.lua", "take.lua"))
        self._cooldown = LuaScript(redis, read_script("pipeline.coordination", "block.lua", "cooldown.lua"))

    async def take(self, request: str = "") -> CallBudgetState:
        now, limits, budget = self._clock(), self._limits, self._keys.budget(self._source)
        keys = [
            budget,
            self._keys.not_before(self._source),
            f"{budget}:{month_of(now)}",
            self._keys.pace(self._source),
            self._defer_key(request),
        ]
        args: list[int | str] = [
            limits.window // _MICROSECOND,
            limits.calls,
            -1 if limits.monthly is None else limits.monthly,
            secrets.token_hex(8),
            format_us(next_month(now)),
            self._now(),
        ]
        verdict, remaining, at_us, left, now_us = await self._take.run(keys, args)
        at = parse_us(int(at_us))
        if abs(ahead := parse_us(int(now_us)) - self._clock()) > CLOCK_TOLERANCE:
            at -= ahead
        match verdict:
            case b"taken":
                return state_of(limits, int(remaining), at, int(left), now)
            case b"held":
                raise cooling_down(self._source, at)
            case b"paced":
                raise paced(self._source, at)
            case b"quota":
                raise quota_spent(self._source, limits, next_month(now))
            case _:
                raise window_full(self._source, limits, at)

    async def start_cooldown(self, span: timedelta) -> None:
        await self._block(self._keys.not_before(self._source), span)

    async def defer(self, span: timedelta, request: str) -> None:
        await self._block(self._defer_key(request), span)

    def _defer_key(self, request: str) -> str:
        return self._keys.rest(self._source, hashlib.blake2s(request.encode(), digest_size=8).hexdigest())

    async def _block(self, key: str, span: timedelta) -> None:
        await self._cooldown.run([key], [span // _MICROSECOND, self._now()])

    def _now(self) -> int | str:
        return format_us(self._clock()) if self._is_clock_shared else ""
