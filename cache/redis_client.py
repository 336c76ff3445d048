"""Redis clients for each form in which Redis is run, and translation of their errors.

After a failover a command leads to a new connection: a client never stays on a server that has become a replica.
"""

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import resources
from typing import Any

from redis.asyncio import Redis
from redis.asyncio.cluster import ClusterNode, RedisCluster
from redis.asyncio.retry import Retry
from redis.asyncio.sentinel import Sentinel, SentinelConnectionPool
from redis.backoff import NoBackoff
from redis.exceptions import (
    ClusterDownError,
    ConnectionError,  # noqa: A004 - not the built-in one
    NoScriptError,
    ReadOnlyError,
    RedisClusterException,
    RedisError,
    TryAgainError,
)

from cache.redis_url import EXPECTED, SETTING, Deployment, RedisUrl, parse_redis_url, without_password
from rates.errors import CacheUnavailable, InvalidSetting
from runtime.cancellation import preserve_cancellation

CONNECT_TIMEOUT_S = 3
# The largest write takes milliseconds; a Redis that needs longer than this counts as unavailable.
COMMAND_TIMEOUT_S = 5
# Replies of a server that is not, or not yet, the primary: a demoted one (READONLY), a replica without its primary
# (MASTERDOWN, a subclass of CLUSTERDOWN's error), one that is starting (LOADING, a ConnectionError), a slot that is
# moving (TRYAGAIN). The address may lead to another server by now, so the connection is closed.
NOT_PRIMARY = (ReadOnlyError, ClusterDownError, TryAgainError)

ScriptArgument = bytes | str | int


class SentinelRedis(Redis):
    """Client of the primary that the Sentinels name.

    `aclose` closes the connections to the Sentinels as well.
    """

    def __init__(self, sentinel: Sentinel, pool: SentinelConnectionPool) -> None:
        super().__init__(connection_pool=pool)
        self._sentinel, self._pool = sentinel, pool

    async def aclose(self, close_connection_pool: bool | None = None) -> None:
        await super().aclose(close_connection_pool)
        await self._pool.disconnect()
        await self._sentinel.aclose()


class ClusterRedis(RedisCluster):
    """Client of a cluster that can also open a client for a single node."""

    def __init__(self, url: RedisUrl) -> None:
        self.url = url
        super().__init__(
            startup_nodes=[ClusterNode(host, port) for host, port in url.hosts],
            # One shard that is away must not stop the sources of the others.
            require_full_coverage=False,
            retry=_retry(),
            **{**_timeouts(), **url.options},
        )

    def open_node(self, host: str, port: int) -> Redis:
        """Create a client for subscriptions at one node. It connects lazily; the caller closes it."""
        # No retry: redis-py would subscribe again by itself, to channels of several slots in one command.
        retry = Retry(NoBackoff(), 0, supported_errors=())
        return Redis(host=host, port=port, retry=retry, **{**_timeouts(), **self.url.options})


RedisClient = Redis | ClusterRedis


def open_redis(url: str) -> RedisClient:
    """Create a client for a Redis URL. It connects lazily; the caller closes it.

    Raises:
        InvalidSetting: not a Redis URL.
    """
    parsed = parse_redis_url(url)
    try:
        return _open(parsed)
    except (TypeError, RedisClusterException) as exc:
        # An option of the query that this kind of client does not have.
        raise InvalidSetting(SETTING, without_password(url), f"{EXPECTED}: {exc}") from exc


async def connect_redis(url: str) -> RedisClient:
    """Create a client and check that Redis responds.

    A `redis://` URL may also be that of a cluster node.

    Raises:
        InvalidSetting: not a Redis URL.
        CacheUnavailable: Redis cannot be reached.
    """
    client = open_redis(url)
    try:
        with translated_errors():
            if isinstance(client, RedisCluster):
                await client.initialize()
                return client
            is_cluster = bool((await client.info("cluster")).get("cluster_enabled"))
    except BaseException:
        await client.aclose()
        raise
    if is_cluster:
        await client.aclose()
        parts = parse_redis_url(url)
        options = {name: value for name, value in parts.options.items() if name != "db"}
        return ClusterRedis(RedisUrl(url, Deployment.CLUSTER, parts.hosts, options, {}))
    return client


def _open(url: RedisUrl) -> RedisClient:
    options: dict[str, Any]
    match url.deployment:
        case Deployment.CLUSTER:
            return ClusterRedis(url)
        case Deployment.SENTINEL:
            sentinel = Sentinel(  # type: ignore[no-untyped-call]  # redis-py has not annotated it
                url.hosts, sentinel_kwargs={**_timeouts(), "retry": _retry(), **url.sentinel_options}
            )
            options = {**_timeouts(), "retry": _retry(), **url.options}
            # The pool checks its options only with the first connection.
            Redis(**options)
            pool = SentinelConnectionPool(  # type: ignore[no-untyped-call]  # redis-py has not annotated it
                url.service, sentinel, **options
            )
            return SentinelRedis(sentinel, pool)
        case Deployment.STANDALONE:
            options = {**_timeouts(), **url.options}
            if not url.hosts:
                options["unix_socket_path"] = options.pop("path", None)
                options.pop("connection_class", None)
                return Redis(retry=_retry(), **options)
            host, port = url.hosts[0]
            return Redis(host=host, port=port, retry=_retry(), **options)


def _timeouts() -> dict[str, Any]:
    return {
        "socket_connect_timeout": CONNECT_TIMEOUT_S,
        "socket_timeout": COMMAND_TIMEOUT_S,
        # No PING before a command on an idle connection: a Redis whose disk fails refuses it, although it answers reads.
        "health_check_interval": 0,
    }


def _retry() -> Retry:
    # One retry, on a new connection: after a restart or failover of Redis all pooled connections are dead. Every
    # command that we send is safe to repeat. Callers decide on longer waits.
    return Retry(NoBackoff(), 1, supported_errors=(ConnectionError, *NOT_PRIMARY))


class LuaScript:
    """A script that runs on the server that has its keys.

    Sent in full only to a server that does not know it yet.
    """

    def __init__(self, redis: RedisClient, text: str) -> None:
        self._redis, self._text = redis, text
        self._sha = hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()

    async def run(self, keys: Sequence[str], arguments: Sequence[ScriptArgument]) -> Any:
        """Run the script.

        Raises:
            CacheUnavailable: Redis cannot be reached or rejects the script.
        """
        with translated_errors():
            try:
                return await self._redis.execute_command("EVALSHA", self._sha, len(keys), *keys, *arguments)
            except NoScriptError:
                return await self._redis.execute_command("EVAL", self._text, len(keys), *keys, *arguments)


@contextmanager
def translated_errors() -> Iterator[None]:
    """Translate errors of the redis library into `CacheUnavailable`."""
    try:
        with preserve_cancellation():
            yield
    except (RedisError, RedisClusterException, OSError, TimeoutError) as exc:
        raise CacheUnavailable(f"Redis: {type(exc).__name__}: {exc}") from exc


def read_script(package: str, *names: str) -> str:
    """Read Lua files of a package, joined into one script."""
    return "\n".join((resources.files(package) / name).read_text(encoding="utf-8") for name in names)
