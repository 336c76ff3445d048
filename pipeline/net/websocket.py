"""Opens WebSocket connections to sources and translates their errors.

Together with `message_connection` the home of the websockets library.
"""

import asyncio
import fcntl
import sys
import termios
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import timedelta
from typing import TypedDict
from urllib.parse import urlsplit

from websockets.asyncio.client import ClientConnection, connect
from websockets.datastructures import MultipleValuesError
from websockets.exceptions import ConnectionClosed, InvalidStatus, WebSocketException
from websockets.http11 import Response

from pipeline.net.message_connection import MessageConnection
from pipeline.net.retry_after import DEFAULT_RETRY_AFTER, parse_retry_after_header
from pipeline.net.simulation import check_simulation
from pipeline.net.tcp import Resolver, connect_tcp, resolve_with_system
from rates.clock import Clock
from rates.errors import SourceBlocked, SourceError, SourceRateLimited, SourceUnavailable
from rates.source import Source
from runtime.proxy import read_proxy_rules

# Far above any expected message: 20 tickers of Binance are 10 KB, a list of all subscriptions of Coinbase 20 KB.
MAX_FRAME_BYTES = 4 * 2**20
# Frames queued while the event loop is busy. Bursts of 800 a second were recorded, and a full queue delays pongs, too.
MAX_QUEUED_FRAMES = 1024
CLOSE_TIMEOUT_S = 1
# 403 comes from a firewall, 418 is Binance's ban, 451 a blocked country.
BLOCKING_STATUSES = frozenset({401, 403, 418, 451})
BAN = 418
# After a close for sending too much. The server counts anew on each connection, but reconnecting at once leads to bans.
COOLDOWN_AFTER_CLOSE = timedelta(seconds=5)


class _Options(TypedDict):
    open_timeout: float | None
    close_timeout: float | None
    max_size: int
    max_queue: int
    ping_interval: float | None
    ping_timeout: float | None
    create_connection: type[MessageConnection]


class _Connect(connect):
    """Refuses redirects with their status: a connected socket serves one address."""

    def process_redirect(self, exc: Exception) -> Exception | str:
        return exc


@asynccontextmanager
async def open_websocket(
    source: Source,
    url: str,
    *,
    open_timeout: timedelta,
    simulated: bool,
    clock: Clock,
    ping_interval: timedelta | None,
    resolve: Resolver = resolve_with_system,
) -> AsyncIterator[MessageConnection]:
    """Open a connection for the length of the context.

    The library answers pings itself, with their payload. Simulated sources and this machine are reached directly, others
    through the proxy of the environment. Redirects are not followed.

    Raises:
        InvalidSetting: the proxy cannot be used.
        SourceError: the connection cannot be opened, or was lost within the context.
    """
    ping_s = None if ping_interval is None else ping_interval.total_seconds()
    proxy = None if simulated else read_proxy_rules().proxy_for(url)
    with translated_errors(source, clock):
        try:
            async with asyncio.timeout(open_timeout.total_seconds()):
                opened = await _open(url, proxy, ping_s, resolve)
        except TimeoutError as exc:
            raise TimeoutError(f"not open within {open_timeout.total_seconds():g} s") from exc
        async with opened as connection:
            if connection.response is not None:
                check_simulation(source, connection.response.headers, simulated=simulated)
            yield connection


def count_unread_bytes(connection: MessageConnection) -> int:
    """Return the bytes that have arrived and wait in the kernel for this process to read them."""
    link = connection.transport.get_extra_info("socket")
    if link is None or link.fileno() < 0:
        return 0
    waiting = fcntl.ioctl(link.fileno(), termios.FIONREAD, bytes(4))
    return int.from_bytes(waiting, sys.byteorder)


async def _open(url: str, proxy: str | None, ping_s: float | None, resolve: Resolver) -> MessageConnection:
    options: _Options = {
        "open_timeout": None,
        "close_timeout": CLOSE_TIMEOUT_S,
        "max_size": MAX_FRAME_BYTES,
        "max_queue": MAX_QUEUED_FRAMES,
        "ping_interval": ping_s,
        "ping_timeout": ping_s,
        "create_connection": MessageConnection,
    }
    if proxy is not None:
        # The proxy resolves the name of the source, and chooses among its addresses.
        return _as_message_connection(await _Connect(url, proxy=proxy, **options))
    parts = urlsplit(url)
    port = parts.port or (443 if parts.scheme == "wss" else 80)
    sock = await connect_tcp(parts.hostname or "", port, resolve=resolve)
    try:
        return _as_message_connection(await _Connect(url, proxy=None, sock=sock, **options))
    except BaseException:
        sock.close()
        raise


def _as_message_connection(connection: ClientConnection) -> MessageConnection:
    assert isinstance(connection, MessageConnection)
    return connection


@contextmanager
def translated_errors(source: Source, clock: Clock) -> Iterator[None]:
    """Translate the errors of the websockets library to `SourceError`."""
    try:
        yield
    except InvalidStatus as exc:
        raise handshake_error(source, exc.response, clock) from exc
    except ConnectionClosed as exc:
        raise closed_error(source, exc, clock) from exc
    # A header that may come once, sent twice, is an error of the library of its own kind.
    except (WebSocketException, MultipleValuesError, OSError, TimeoutError) as exc:
        raise SourceUnavailable(source, f"{type(exc).__name__}: {exc}") from exc


def handshake_error(source: Source, response: Response, clock: Clock) -> SourceError:
    """Return the error that an HTTP response to the handshake means."""
    status = response.status_code
    summary = f"HTTP {status} to the handshake: {bytes(response.body or b'')[:160].decode(errors='replace')}"
    now = clock()
    wait = parse_retry_after_header(", ".join(response.headers.get_all("Retry-After")), now)
    if status == 429:
        return SourceRateLimited(source, summary, retry_at=now + (wait or DEFAULT_RETRY_AFTER))
    if status in BLOCKING_STATUSES:
        wait = wait or (DEFAULT_RETRY_AFTER if status == BAN else None)
        return SourceBlocked(source, summary, retry_at=None if wait is None else now + wait)
    return SourceUnavailable(source, summary)


def closed_error(source: Source, exc: ConnectionClosed, clock: Clock) -> SourceError:
    """Return the error that a close means.

    A clean close is an error as well, because the feed has to go on.
    """
    reason = exc.rcvd.reason if exc.rcvd is not None else ""
    if "too many" in reason.lower():
        return SourceRateLimited(source, f"connection closed: {exc}", retry_at=clock() + COOLDOWN_AFTER_CLOSE)
    return SourceUnavailable(source, f"connection closed: {exc}")
