"""The log of a gateway that is starting: what it waits for before it listens."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from urllib.parse import urlsplit

import structlog

LOG_INTERVAL_S = 5.0

log = structlog.get_logger("ratewire.gateway")


@dataclass(frozen=True)
class BackendAddresses:
    """Names of the backends for the log: `redis 10.0.0.5:6379`."""

    cache: str
    instruments: str


EMBEDDED_BACKENDS = BackendAddresses(cache="in this process", instruments="in this process")


def format_address(url: str) -> str:
    """Return the technology and address in a URL, without credentials."""
    parts = urlsplit(url)
    technology = parts.scheme.partition("+")[0]
    return f"{technology} {parts.netloc.rpartition('@')[2] or parts.path}"


def describe_awaited(awaited: Mapping[str, str | None], addresses: BackendAddresses) -> str:
    """Describe what is awaited.

    Each of `cache`, `instruments` and `clock`, with the last error if there was one.
    """
    named = {
        "cache": f"cache ({addresses.cache})",
        "instruments": f"tracked instruments ({addresses.instruments})",
        "clock": "a clock that can be corrected",
    }
    return ", ".join(
        named[part] if error is None else f"{named[part]}: {error}" for part, error in awaited.items()
    )


@asynccontextmanager
async def log_awaited(describe: Callable[[], str]) -> AsyncIterator[None]:
    """Log what `describe` returns every 5 s within the context."""
    logging = asyncio.create_task(_log_repeatedly(describe))
    try:
        yield
    finally:
        logging.cancel()
        await asyncio.wait([logging])


async def _log_repeatedly(describe: Callable[[], str]) -> None:
    while True:
        await asyncio.sleep(LOG_INTERVAL_S)
        log.info("gateway waiting", waiting_for=describe())
