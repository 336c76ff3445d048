"""Redis client for all processes, and translation of its errors."""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib import resources

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError, RedisError  # noqa: A004 - not the built-in one

from rates.errors import CacheUnavailable, InvalidSetting
from runtime.cancellation import preserve_cancellation

CONNECT_TIMEOUT_S = 3
# The largest write takes milliseconds; a Redis that needs longer than this counts as unavailable.
COMMAND_TIMEOUT_S = 5
HEALTH_CHECK_INTERVAL_S = 10


def open_redis(url: str) -> Redis:
    """Create a client for `redis://[:password@]host:port/db`. It connects lazily; the caller closes it.

    Raises:
        InvalidSetting: not a valid Redis URL.
    """
    try:
        return Redis.from_url(
            url,
            socket_connect_timeout=CONNECT_TIMEOUT_S,
            socket_timeout=COMMAND_TIMEOUT_S,
            health_check_interval=HEALTH_CHECK_INTERVAL_S,
            # One retry, on a new connection: after a restart of Redis all pooled connections are dead. Every command
            # that we send is safe to repeat. Callers decide on longer waits.
            retry=Retry(NoBackoff(), 1, supported_errors=(ConnectionError,)),
        )
    except ValueError as exc:
        raise InvalidSetting(
            "RATEWIRE_REDIS_URL", url, f"expected redis://[:password@]host:port/db: {exc}"
        ) from exc


@contextmanager
def translated_errors() -> Iterator[None]:
    """Translate errors of the redis library into `CacheUnavailable`."""
    try:
        with preserve_cancellation():
            yield
    except (RedisError, OSError, TimeoutError) as exc:
        raise CacheUnavailable(f"Redis: {type(exc).__name__}: {exc}") from exc


def read_script(package: str, name: str) -> str:
    """Read a Lua script from a package."""
    return (resources.files(package) / name).read_text(encoding="utf-8")
