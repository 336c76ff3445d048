"""Opens a WebSocket to a source and names its failures: the home of the websockets library, for all sources."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import timedelta

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus, WebSocketException
from websockets.http11 import Response

from pipeline.net.retry_after import DEFAULT_RETRY_AFTER, parse_retry_after_header
from pipeline.net.simulation import check_simulation
from rates.clock import Clock
from rates.errors import SourceBlocked, SourceError, SourceRateLimited, SourceUnavailable
from rates.source import Source

# Nothing that we ask for is longer: 20 tickers of Binance are 10 KB, a list of all subscriptions of Coinbase 20 KB.
MAX_FRAME_BYTES = 4 * 2**20
# Frames that may wait while the loop is busy: bursts of 800 a second were recorded; a full queue delays pongs, too.
MAX_WAITING_FRAMES = 1024
CLOSE_TIMEOUT_S = 1
# 403 is a firewall, 418 Binance's ban, 451 a country.
BLOCKING_STATUSES = frozenset({401, 403, 418, 451})
BAN = 418
# Cut for sending too much. The count begins anew with the next connection; going on at once is what leads to bans.
WAIT_AFTER_CUT = timedelta(seconds=5)


@asynccontextmanager
async def open_websocket(
    source: Source,
    url: str,
    *,
    open_timeout: timedelta,
    simulated: bool,
    clock: Clock,
    ping_interval: timedelta | None,
) -> AsyncIterator[ClientConnection]:
    """A connection that answers pings by itself, at once and with their payload, and is closed in the end.

    Raises:
        SourceError: it cannot be opened, or it was lost within the block.
    """
    pings = None if ping_interval is None else ping_interval.total_seconds()
    with translated_errors(source, clock):
        async with connect(
            url,
            open_timeout=open_timeout.total_seconds(),
            close_timeout=CLOSE_TIMEOUT_S,
            max_size=MAX_FRAME_BYTES,
            max_queue=MAX_WAITING_FRAMES,
            ping_interval=pings,
            ping_timeout=pings,
        ) as connection:
            if connection.response is not None:
                check_simulation(source, connection.response.headers, simulated=simulated)
            yield connection


@contextmanager
def translated_errors(source: Source, clock: Clock) -> Iterator[None]:
    """Raise what the websockets library raises as `SourceError`."""
    try:
        yield
    except InvalidStatus as exc:
        raise handshake_error(source, exc.response, clock) from exc
    except ConnectionClosed as exc:
        raise closed_error(source, exc, clock) from exc
    except (WebSocketException, OSError, TimeoutError) as exc:
        raise SourceUnavailable(source, f"{type(exc).__name__}: {exc}") from exc


def handshake_error(source: Source, response: Response, clock: Clock) -> SourceError:
    """The error that an HTTP answer to the handshake means."""
    status = response.status_code
    said = f"HTTP {status} to the handshake: {bytes(response.body or b'')[:160].decode(errors='replace')}"
    now = clock()
    wait = parse_retry_after_header(response.headers.get("Retry-After"), now)
    if status == 429:
        return SourceRateLimited(source, said, retry_at=now + (wait or DEFAULT_RETRY_AFTER))
    if status in BLOCKING_STATUSES:
        wait = wait or (DEFAULT_RETRY_AFTER if status == BAN else None)
        return SourceBlocked(source, said, retry_at=None if wait is None else now + wait)
    return SourceUnavailable(source, said)


def closed_error(source: Source, exc: ConnectionClosed, clock: Clock) -> SourceError:
    """The error that a close means; clean or not makes no difference to who wants to listen on."""
    reason = exc.rcvd.reason if exc.rcvd is not None else ""
    if "too many" in reason.lower():
        return SourceRateLimited(source, f"connection closed: {exc}", retry_at=clock() + WAIT_AFTER_CUT)
    return SourceUnavailable(source, f"connection closed: {exc}")
