"""The alerts of docs/monitoring that each fault must raise.

A fault that is not named raises none: a restart that was asked for, and that is over within seconds, must wake nobody.
"""

from collections.abc import Mapping

_GATEWAY_DOWN = "RatewireGatewayDown"
_NOT_READY = "RatewireGatewayNotReady"
_UNREACHABLE = "RatewireUnreachable"
_REDIS = "RatewireRedisUnreachable"
_RELOADED = "RatewireCacheReloaded"
_INSTRUMENTS = "RatewireInstrumentsUnreadable"
_CLOCK = "RatewireClockWrong"
_LOST = "RatewireProcessesLost"
_TROUBLED = "RatewireProcessesTroubled"
_DESCRIPTORS = "RatewireDescriptorsExhausted"
_WRITES = "RatewireCacheWritesFail"

ALERTS: Mapping[str, tuple[str, ...]] = {
    "gateway-kill": (_GATEWAY_DOWN,),
    "gateway-freeze": (_GATEWAY_DOWN,),
    "gateway-clock": (_CLOCK,),
    "gateway-descriptors": (_DESCRIPTORS,),
    "gateway-redis-blackhole": (_REDIS, _NOT_READY),
    "gateway-postgres-blackhole": (_INSTRUMENTS,),
    "nginx-kill": (_UNREACHABLE,),
    "nginx-freeze": (_UNREACHABLE,),
    "redis-kill": (_REDIS,),
    "redis-restart": (_RELOADED,),
    "redis-freeze": (_REDIS,),
    "redis-full": (_WRITES,),
    "redis-clock": (_CLOCK,),
    "rabbitmq-kill": (_TROUBLED,),
    "rabbitmq-freeze": (_TROUBLED,),
    "rabbitmq-full": (_TROUBLED,),
    "postgres-kill": (_INSTRUMENTS,),
    "postgres-freeze": (_INSTRUMENTS,),
    "producer-kill": (_LOST,),
    "producer-freeze": (_LOST,),
    "producer-clock": (_CLOCK,),
    "producer-rabbitmq-blackhole": (_TROUBLED,),
    "consumer-kill": (_LOST,),
    "consumer-freeze": (_LOST,),
    "consumer-clock": (_CLOCK,),
    "consumer-rabbitmq-blackhole": (_TROUBLED,),
    "consumer-redis-blackhole": (_LOST,),
    "stream-kill": (_LOST,),
    "stream-freeze": (_LOST,),
    "stream-clock": (_CLOCK,),
    "stream-redis-blackhole": (_LOST,),
    "listings-kill": (_LOST,),
    "listings-freeze": (_LOST,),
    "listings-clock": (_CLOCK,),
    "listings-postgres-blackhole": (_TROUBLED,),
}


def alerts_of(fault: str) -> tuple[str, ...]:
    """Return the alerts that a fault must raise."""
    return ALERTS.get(fault, ())
