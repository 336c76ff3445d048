"""Opens a WebSocket to Binance and names its failures. With `session` and `stream`, the home of websockets."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import timedelta

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus, WebSocketException
from websockets.http11 import Response

from pipeline.sources.retry_after import parse_retry_after_header
from pipeline.sources.simulation import check_simulation
from rates.clock import Clock
from rates.errors import SourceBlocked, SourceError, SourceRateLimited, SourceUnavailable
from rates.source import Source

# Nothing that we ask for is longer: 20 tickers are 10 KB.
MAX_FRAME_BYTES = 4 * 2**20
# Frames that may wait while the loop is busy: bursts of 800 a second were recorded; a full queue delays pongs, too.
MAX_WAITING_FRAMES = 1024
CLOSE_TIMEOUT_S = 1
# Weight and connection limits are counted per minute: the refusal that does not say how long lasts no longer.
DEFAULT_RETRY_AFTER = timedelta(minutes=1)
# 403 is the firewall, 418 a ban, 451 a country.
BLOCKING_STATUSES = frozenset({401, 403, 418, 451})


@asynccontextmanager
async def open_connection(
    url: str, *, timeout_s: float, simulated: bool, clock: Clock
) -> AsyncIterator[ClientConnection]:
    """A connection that answers pings by itself and is closed in the end.

    Raises:
        SourceError: it cannot be opened, or it was lost within the block.
    """
    with translated_errors(clock):
        async with connect(
            url,
            open_timeout=timeout_s,
            close_timeout=CLOSE_TIMEOUT_S,
            max_size=MAX_FRAME_BYTES,
            max_queue=MAX_WAITING_FRAMES,
        ) as connection:
            if connection.response is not None:
                check_simulation(Source.BINANCE, connection.response.headers, simulated=simulated)
            yield connection


@contextmanager
def translated_errors(clock: Clock) -> Iterator[None]:
    """Raise what the websockets library raises as `SourceError`."""
    try:
        yield
    except InvalidStatus as exc:
        raise refusal(exc.response, clock) from exc
    except ConnectionClosed as exc:
        raise SourceUnavailable(Source.BINANCE, f"connection closed: {exc}") from exc
    except (WebSocketException, OSError, TimeoutError) as exc:
        raise SourceUnavailable(Source.BINANCE, f"{type(exc).__name__}: {exc}") from exc


def refusal(response: Response, clock: Clock) -> SourceError:
    """The error that an HTTP answer to the handshake means."""
    status = response.status_code
    said = f"HTTP {status} to the handshake: {bytes(response.body or b'')[:160].decode(errors='replace')}"
    if status == 429:
        wait = parse_retry_after_header(response.headers.get("Retry-After")) or DEFAULT_RETRY_AFTER
        return SourceRateLimited(Source.BINANCE, said, retry_at=clock() + wait)
    if status in BLOCKING_STATUSES:
        return SourceBlocked(Source.BINANCE, said)
    return SourceUnavailable(Source.BINANCE, said)
