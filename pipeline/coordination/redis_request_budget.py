"""A call budget in Redis: one script per question, so that replicas never both take the last call."""

import hashlib
import secrets
from datetime import timedelta

from cache.redis_client import LuaScript, RedisClient, read_script
from pipeline.coordination.call_limits import (
    CallLimits,
    held,
    month_of,
    next_month,
    paced,
    quota_spent,
    spent,
    state_of,
)
from rates.clock import Clock, format_us, parse_us
from rates.health import CallBudgetState
from rates.redis_keys import RedisKeys
from rates.source import Source

_MICROSECOND = timedelta(microseconds=1)


class RedisRequestBudget:
    """A `RequestBudget` on Redis. Calls are timed by Redis's own clock, so that replicas need not agree, and `clock` only tells the
    month; `is_clock_shared` says that `clock` is one for all replicas, and then all times are its.
    """

    def __init__(
        self,
        redis: RedisClient,
        names: RedisKeys,
        source: Source,
        limits: CallLimits,
        *,
        clock: Clock,
        is_clock_shared: bool = False,
    ) -> None:
        self._names, self._source, self._limits, self._clock = names, source, limits, clock
        self._is_clock_shared = is_clock_shared
        self._take = LuaScript(redis, read_script("pipeline.coordination", "take.lua"))
        self._start_cooldown = LuaScript(redis, read_script("pipeline.coordination", "cooldown.lua"))

    async def take(self, topic: str = "") -> CallBudgetState:
        now, limits, budget = self._clock(), self._limits, self._names.budget(self._source)
        keys = [
            budget,
            self._names.not_before(self._source),
            f"{budget}:{month_of(now)}",
            self._names.pace(self._source),
            self._rest_of(topic),
        ]
        args: list[int | str] = [
            limits.window // _MICROSECOND,
            limits.calls,
            -1 if limits.monthly is None else limits.monthly,
            secrets.token_hex(8),
            format_us(next_month(now)),
            self._now(),
        ]
        verdict, remaining, at_us, left = await self._take.run(keys, args)
        moment = parse_us(int(at_us))
        match verdict:
            case b"taken":
                return state_of(limits, int(remaining), moment, int(left), now)
            case b"held":
                raise held(self._source, moment)
            case b"paced":
                raise paced(self._source, moment)
            case b"quota":
                raise quota_spent(self._source, limits, next_month(now))
            case _:
                raise spent(self._source, limits, moment)

    async def start_cooldown(self, span: timedelta) -> None:
        await self._keep_off(self._names.not_before(self._source), span)

    async def defer(self, span: timedelta, topic: str) -> None:
        await self._keep_off(self._rest_of(topic), span)

    def _rest_of(self, topic: str) -> str:
        return self._names.rest(self._source, hashlib.blake2s(topic.encode(), digest_size=8).hexdigest())

    async def _keep_off(self, key: str, span: timedelta) -> None:
        await self._start_cooldown.run([key], [span // _MICROSECOND, self._now()])

    def _now(self) -> int | str:
        return format_us(self._clock()) if self._is_clock_shared else ""
