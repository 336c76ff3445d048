"""The faults of the distributed form with their expected effects.

One entry per fault; the table is the specification.

Bounds follow from the documented settings, with an allowance for a busy machine.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from drill.distributed.injections import (
    Injection,
    blackholed,
    frozen,
    full_rabbitmq,
    full_redis,
    killed,
    reloaded_nginx,
    restarted,
    skewed,
    together,
    without_descriptors,
)
from drill.distributed.notices import (
    Notice,
    cache_reloaded,
    catalog_error,
    clients_moved,
    clients_silent,
    heartbeat_old,
    logged,
    no_answer,
    not_ready,
    own_skew,
    process_ended,
    queries_fail,
    reason,
    redis_skew,
    subscriptions_end,
)
from drill.distributed.ratewire_process import HEARTBEAT_AGE_S
from drill.distributed.system import COINGECKO_TTL_S, INTERVAL_S, TTL_S, UNREADY_AFTER_S
from rates.source import Source

# Allowance for a busy machine beyond the configured times.
SLACK_S = 10.0
SKEW_S = 300.0
# Redis is out of reach after 3 s without a message and 3 s without a pong.
REDIS_NOTICED_S = 6.0 + SLACK_S
# Clocks are measured every 5 s, and reported within 2 s more.
CLOCK_NOTICED_S = 5.0 + 2.0 + SLACK_S
STALE_S = TTL_S + INTERVAL_S + SLACK_S
COINGECKO_STALE_S = COINGECKO_TTL_S + INTERVAL_S + SLACK_S
# A process is lost after 10 s without a report.
LOST_S = 10.0 + SLACK_S
HEARTBEAT_NOTICED_S = HEARTBEAT_AGE_S + SLACK_S
# A process needs some seconds to start; the others reconnect within a few seconds; then a TTL passes.
RECOVERED_S = 30.0 + SLACK_S
# A client without events for longer has not come back by itself at once (the aim of a rolling restart), with the allowance.
SILENCE_S = 5.0 + SLACK_S
# nginx ends a WebSocket on which a gateway has sent nothing for 50 s, and as long does the handshake of one that comes back to the
# frozen gateway wait, which has the fewest connections then.
NGINX_GIVES_UP_S = 2 * 50.0
# npm's graphql-ws retries after a close, not after an error such as a refused connection, unless `shouldRetry` says so; Apollo's
# RetryLink tries five times within a second or so. Both leave for good when the one address of all gateways refuses connections.
GIVE_UP_WHEN_REFUSED = frozenset({"graphql-ws", "Apollo, WebSocket", "Apollo, multipart"})


@dataclass(frozen=True)
class PartFault:
    """A fault, where it must be seen and within which time, and what clients may see of it.

    `until`: what else must come before it is healed, within `until_s`. `refreshes`: a source whose values must all be
    observed anew meanwhile. `held_up_s`: how long it may hold up bytes on their
    way to clients. `cuts_off`: clients reach nothing while it lasts. `gives_up`: libraries that by their defaults end for
    good then.
    """

    name: str
    what: str
    inject: Injection
    notice: Notice | None
    noticed_within_s: float = SLACK_S
    until: Notice | None = None
    until_s: float = SLACK_S
    refreshes: Source | None = None
    recovered_within_s: float = RECOVERED_S
    silence_s: float = SILENCE_S
    cuts_off: bool = False
    gives_up: frozenset[str] = frozenset()
    held_up_s: float = 0.0
    loses_cache: bool = False


_REDIS_AWAY = r"\(Redis\) is out of reach since"
_LOST = r"-\S+ has not reported since"
_NO_TASKS = "no tasks: "
_BINANCE, _KRAKEN, _COINGECKO = Source.BINANCE, Source.KRAKEN, Source.COINGECKO
_CLOCK_OF = r"the clock of {}-\S+ is \d+ s {} the true time"

GATEWAY_FAULTS = (
    PartFault("gateway-kill", "SIGKILL", killed("gateway-1"), no_answer("gateway-1")),
    PartFault(
        "gateway-restart", "SIGTERM, start", restarted("gateway-1"), no_answer("gateway-1"), 20 + SLACK_S
    ),
    PartFault(
        "gateway-freeze",
        "SIGSTOP until nginx gives it up",
        frozen("gateway-1"),
        no_answer("gateway-1"),
        until=clients_moved,
        until_s=NGINX_GIVES_UP_S + SLACK_S,
        silence_s=NGINX_GIVES_UP_S + SLACK_S,
    ),
    PartFault(
        "gateway-clock",
        "5 min behind, and Kraken's feed frozen",
        together(skewed("gateway-1", -SKEW_S), frozen("stream-kraken")),
        own_skew("gateway-1"),
        CLOCK_NOTICED_S,
        until=reason(_KRAKEN, "past its", on=("gateway-1",)),
        until_s=STALE_S,
    ),
    PartFault(
        "gateway-descriptors",
        "none left: new connections are closed",
        without_descriptors("gateway-1"),
        logged("gateway-1", "out of file descriptors"),
    ),
    PartFault(
        "gateway-redis-blackhole",
        "no byte between it and Redis",
        blackholed("gateway-1", "redis"),
        reason(_BINANCE, _REDIS_AWAY, on=("gateway-1",)),
        REDIS_NOTICED_S,
        until=not_ready("gateway-1"),
        until_s=UNREADY_AFTER_S + SLACK_S,
    ),
    PartFault(
        "gateway-postgres-blackhole",
        "no byte between it and Postgres",
        blackholed("gateway-1", "postgres"),
        catalog_error("gateway-1"),
        2 + 10 + SLACK_S,
    ),
)
NGINX_FAULTS = (
    PartFault(
        "nginx-kill", "SIGKILL", killed("nginx"), queries_fail, cuts_off=True, gives_up=GIVE_UP_WHEN_REFUSED
    ),
    PartFault(
        "nginx-freeze", "SIGSTOP", frozen("nginx"), clients_silent, SLACK_S, cuts_off=True, held_up_s=40
    ),
    PartFault("nginx-restart", "SIGTERM, start", restarted("nginx"), subscriptions_end, cuts_off=True),
    PartFault("nginx-reload", "SIGHUP", reloaded_nginx, subscriptions_end),
)
REDIS_FAULTS = (
    PartFault(
        "redis-kill",
        "SIGKILL, nothing is saved",
        killed("redis"),
        reason(_BINANCE, _REDIS_AWAY),
        REDIS_NOTICED_S,
        loses_cache=True,
    ),
    PartFault(
        "redis-restart",
        "SIGTERM, start, nothing is saved",
        restarted("redis"),
        cache_reloaded("gateway-2"),
        REDIS_NOTICED_S,
        loses_cache=True,
    ),
    PartFault("redis-freeze", "SIGSTOP", frozen("redis"), reason(_BINANCE, _REDIS_AWAY), REDIS_NOTICED_S),
    PartFault(
        "redis-full",
        "maxmemory 1",
        full_redis,
        reason(_KRAKEN, "the cache cannot be written: Redis: OutOfMemoryError"),
        REDIS_NOTICED_S,
    ),
    PartFault(
        "redis-clock", "5 min ahead", skewed("redis", SKEW_S), redis_skew("gateway-2"), CLOCK_NOTICED_S
    ),
)
RABBITMQ_FAULTS = (
    PartFault(
        "rabbitmq-kill", "SIGKILL", killed("rabbitmq"), reason(_COINGECKO, "RabbitMQ"), COINGECKO_STALE_S
    ),
    PartFault("rabbitmq-restart", "SIGTERM, start", restarted("rabbitmq"), None),
    PartFault(
        "rabbitmq-freeze",
        "SIGSTOP",
        frozen("rabbitmq"),
        reason(_COINGECKO, _NO_TASKS + ".*RabbitMQ"),
        COINGECKO_STALE_S,
    ),
    PartFault(
        "rabbitmq-full",
        "disk alarm",
        full_rabbitmq,
        reason(_COINGECKO, _NO_TASKS + ".*RabbitMQ"),
        COINGECKO_STALE_S,
    ),
)
POSTGRES_FAULTS = (
    PartFault("postgres-kill", "SIGKILL", killed("postgres"), catalog_error("gateway-2"), 2 + SLACK_S),
    PartFault("postgres-restart", "SIGTERM, start", restarted("postgres"), None),
    PartFault("postgres-freeze", "SIGSTOP", frozen("postgres"), catalog_error("gateway-2"), 2 + 10 + SLACK_S),
)
PRODUCER_FAULTS = (
    PartFault(
        "producer-kill",
        "SIGKILL",
        killed("producer"),
        reason(_COINGECKO, _NO_TASKS + "producer" + _LOST),
        COINGECKO_STALE_S,
    ),
    PartFault("producer-restart", "SIGTERM, start", restarted("producer"), None),
    PartFault(
        "producer-freeze",
        "SIGSTOP",
        frozen("producer"),
        reason(_COINGECKO, _NO_TASKS + "producer" + _LOST),
        COINGECKO_STALE_S,
    ),
    PartFault(
        "producer-clock",
        "5 min back",
        skewed("producer", -SKEW_S),
        reason(_COINGECKO, _CLOCK_OF.format("producer", "behind")),
        CLOCK_NOTICED_S,
    ),
    PartFault(
        "producer-rabbitmq-blackhole",
        "no byte between it and RabbitMQ",
        blackholed("producer", "rabbitmq"),
        reason(_COINGECKO, _NO_TASKS + ".*RabbitMQ"),
        COINGECKO_STALE_S,
    ),
)
CONSUMER_FAULTS = (
    PartFault(
        "consumer-kill",
        "the only one of CoinGecko: SIGKILL",
        killed("consumer-coingecko"),
        reason(_COINGECKO, "consumer" + _LOST),
        LOST_S,
    ),
    PartFault("consumer-restart", "SIGTERM, start", restarted("consumer-coingecko"), None),
    PartFault(
        "consumer-freeze",
        "SIGSTOP",
        frozen("consumer-coingecko"),
        reason(_COINGECKO, "consumer" + _LOST),
        LOST_S,
    ),
    PartFault(
        "consumer-clock",
        "one of two of Binance 5 min ahead, its push feed frozen",
        together(skewed("consumer-binance-1", SKEW_S), frozen("stream-binance")),
        reason(_BINANCE, _CLOCK_OF.format("consumer", "ahead of")),
        CLOCK_NOTICED_S,
        refreshes=_BINANCE,
    ),
    PartFault(
        "consumer-rabbitmq-blackhole",
        "no byte between it and RabbitMQ",
        blackholed("consumer-coingecko", "rabbitmq"),
        reason(_COINGECKO, "RabbitMQ"),
        COINGECKO_STALE_S,
    ),
    PartFault(
        "consumer-redis-blackhole",
        "no byte between it and Redis",
        blackholed("consumer-coingecko", "redis"),
        reason(_COINGECKO, "consumer" + _LOST),
        LOST_S,
    ),
)
STREAM_FAULTS = (
    PartFault(
        "stream-kill",
        "the only one of Kraken: SIGKILL",
        killed("stream-kraken"),
        reason(_KRAKEN, "stream" + _LOST),
        LOST_S,
    ),
    PartFault("stream-restart", "SIGTERM, start", restarted("stream-kraken"), None),
    PartFault("stream-freeze", "SIGSTOP", frozen("stream-kraken"), reason(_KRAKEN, "stream" + _LOST), LOST_S),
    PartFault(
        "stream-clock",
        "5 min behind",
        skewed("stream-kraken", -SKEW_S),
        reason(_KRAKEN, _CLOCK_OF.format("stream", "behind")),
        CLOCK_NOTICED_S,
    ),
    PartFault(
        "stream-redis-blackhole",
        "no byte between it and Redis",
        blackholed("stream-kraken", "redis"),
        reason(_KRAKEN, "stream" + _LOST),
        LOST_S,
    ),
)
LISTINGS_FAULTS = (
    PartFault("listings-kill", "SIGKILL", killed("listings"), process_ended("listings")),
    PartFault("listings-restart", "SIGTERM, start", restarted("listings"), None),
    PartFault(
        "listings-freeze", "SIGSTOP", frozen("listings"), heartbeat_old("listings"), HEARTBEAT_NOTICED_S
    ),
    PartFault(
        "listings-clock",
        "5 min ahead",
        skewed("listings", SKEW_S),
        reason(_BINANCE, _CLOCK_OF.format("listings", "ahead of")),
        CLOCK_NOTICED_S,
    ),
    PartFault(
        "listings-postgres-blackhole",
        "no byte between it and Postgres",
        blackholed("listings", "postgres"),
        logged("listings", "listing not looked at"),
        60,
    ),
)
FAULTS: Sequence[PartFault] = (
    *GATEWAY_FAULTS,
    *NGINX_FAULTS,
    *REDIS_FAULTS,
    *RABBITMQ_FAULTS,
    *POSTGRES_FAULTS,
    *PRODUCER_FAULTS,
    *CONSUMER_FAULTS,
    *STREAM_FAULTS,
    *LISTINGS_FAULTS,
)
# Those of `make test-long`, of which `make test` has the first.
SHORT = ("gateway-kill", "redis-freeze", "consumer-clock")
