"""How every process opens Redis, and what its failures are called here. With `redis_sink`, `redis_feed` and the pipeline's
budget and tick claim, the home of the redis library.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib import resources

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError, RedisError  # noqa: A004 - not the built-in one

from rates.errors import CacheUnavailable, InvalidSetting
from runtime.cancellation import heeded_cancellation

CONNECT_TIMEOUT_S = 3
# A write of a whole exchange takes milliseconds; a Redis that needs longer than this is as good as away.
COMMAND_TIMEOUT_S = 5
HEALTH_CHECK_INTERVAL_S = 10


def open_redis(url: str) -> Redis:
    """A client for `url` (`redis://[:password@]host:port/db`); it connects with the first command. The caller closes it.

    Raises:
        InvalidSetting: not a Redis URL.
    """
    try:
        return Redis.from_url(
            url,
            socket_connect_timeout=CONNECT_TIMEOUT_S,
            socket_timeout=COMMAND_TIMEOUT_S,
            health_check_interval=HEALTH_CHECK_INTERVAL_S,
            # Once more, on a new connection: after a restart of Redis every pooled one is dead, and nothing that we send does
            # harm when it is done twice. Longer waits are the caller's business.
            retry=Retry(NoBackoff(), 1, supported_errors=(ConnectionError,)),
        )
    except ValueError as exc:
        raise InvalidSetting(
            "RATEWIRE_REDIS_URL", url, f"expected redis://[:password@]host:port/db: {exc}"
        ) from exc


@contextmanager
def translated_errors() -> Iterator[None]:
    """Raise what the redis library raises as `CacheUnavailable`."""
    try:
        with heeded_cancellation():
            yield
    except (RedisError, OSError, TimeoutError) as exc:
        raise CacheUnavailable(f"Redis: {type(exc).__name__}: {exc}") from exc


def read_script(package: str, name: str) -> str:
    """The text of a Lua script that lies beside the code."""
    return (resources.files(package) / name).read_text(encoding="utf-8")
