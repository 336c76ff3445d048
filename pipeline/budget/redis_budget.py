"""A call budget in Redis: one script per question, so that replicas never both take the last call."""

import secrets
from datetime import timedelta

from redis.asyncio import Redis

from cache.redis_client import read_script, translated_errors
from pipeline.budget.limits import CallLimits, held, month_of, next_month, quota_spent, spent
from rates.clock import Clock, parse_us
from rates.health import CallBudgetState
from rates.names import RedisNames
from rates.source import Source

_MICROSECOND = timedelta(microseconds=1)


class RedisCallBudget:
    """A `CallBudget` on Redis. `clock` only tells the month; times of calls are those of Redis."""

    def __init__(
        self, redis: Redis, names: RedisNames, source: Source, limits: CallLimits, *, clock: Clock
    ) -> None:
        self._names, self._source, self._limits, self._clock = names, source, limits, clock
        self._take = redis.register_script(read_script("pipeline.budget", "take.lua"))
        self._hold = redis.register_script(read_script("pipeline.budget", "hold.lua"))

    async def take(self) -> CallBudgetState:
        now, limits, budget = self._clock(), self._limits, self._names.budget(self._source)
        keys = [budget, self._names.not_before(self._source), f"{budget}:{month_of(now)}"]
        monthly = -1 if limits.monthly is None else limits.monthly
        args: list[int | str] = [limits.window // _MICROSECOND, limits.calls, monthly, secrets.token_hex(8)]
        with translated_errors():
            verdict, remaining, at_us = await self._take(keys=keys, args=args)
        moment = parse_us(int(at_us))
        match verdict:
            case b"taken":
                return CallBudgetState(limits.calls, int(remaining), moment)
            case b"held":
                raise held(self._source, moment)
            case b"quota":
                raise quota_spent(self._source, limits, next_month(now))
            case _:
                raise spent(self._source, limits, moment)

    async def hold_for(self, span: timedelta) -> None:
        with translated_errors():
            await self._hold(keys=[self._names.not_before(self._source)], args=[span // _MICROSECOND])
