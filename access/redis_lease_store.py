"""Budgets in Redis.

Each lease is one script, so that two gateways never take the same points.
"""

import secrets
from collections.abc import Callable

from access.gcra import MICROSECOND_S
from access.lease_store import Lease, LeaseRequest
from cache.redis_client import LuaScript, RedisClient, read_script
from rates.redis_keys import RedisKeys

# How long the streams of a gateway count without another word of it.
STREAMS_LIFETIME_S = 15.0


class RedisLeaseStore:
    """A `LeaseStore` on Redis, for one gateway.

    Times are those of the clock of Redis, or of `now_us`, in microseconds.
    """

    def __init__(
        self, redis: RedisClient, keys: RedisKeys, *, now_us: Callable[[], int] | None = None
    ) -> None:
        self._keys = keys
        self._now_us = now_us
        self._gateway = secrets.token_hex(8)
        self._take = LuaScript(redis, read_script("access", "take_points.lua"))

    async def take(self, request: LeaseRequest) -> Lease:
        limits = request.limits
        points, window_s, capacity = (0, 0.0, 0) if limits is None else limits[:3]
        # Sent again after a lost connection, it may take the points twice: those of the first time are lost.
        answer = await self._take.run(
            [self._keys.spent(request.account), self._keys.streams(request.account)],
            [
                *(points, round(window_s / MICROSECOND_S), capacity, request.wanted, request.least),
                *(self._gateway, request.stream_points, round(STREAMS_LIFETIME_S / MICROSECOND_S)),
                request.debt,
                "" if self._now_us is None else self._now_us(),
            ],
        )
        leased, available, retry_us, others, gateways = map(int, answer)
        return Lease(leased, available, retry_us * MICROSECOND_S, others, gateways)
