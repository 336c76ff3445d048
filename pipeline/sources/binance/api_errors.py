"""Errors of rejected WebSocket API requests. Pure; codes as in Binance's `errors.md`."""

from datetime import datetime, timedelta

from pipeline.net.retry_after import DEFAULT_RETRY_AFTER, LONGEST_RETRY_AFTER
from pipeline.sources.binance.messages import ApiError, ApiResponse, parse_retry_after
from pipeline.sources.binance.tickers import parse_event_time
from rates.errors import (
    SourceBlocked,
    SourceError,
    SourceProtocolError,
    SourceRateLimited,
    SourceUnavailable,
)
from rates.source import Source

# Unknown, internal, unexpected response, timeout, overloaded, shutting down.
TRANSIENT_CODES = frozenset({-1000, -1001, -1006, -1007, -1008, -1016})
# Too many requests, too many connections.
RATE_CODES = frozenset({-1003, -1034})
# A symbol that is not listed; invalid characters. One of them fails a whole list.
BAD_SYMBOL_CODES = frozenset({-1121, -1100})


def response_error(response: ApiResponse, now: datetime) -> SourceError | None:
    """Return the error that a response means, with the time until which all requests must stop.

    `None` if only a symbol of the request was invalid, which the caller handles.
    """
    error = response.error or ApiError(0, "no error, but no success either")
    said = f"status {response.status}, code {error.code}: {error.msg[:160]}"
    if response.status in (418, 429) or error.code in RATE_CODES:
        retry_at = now + _wait(error, now)
        if response.status == 418:
            return SourceBlocked(Source.BINANCE, f"banned: {said}", retry_at=retry_at)
        return SourceRateLimited(Source.BINANCE, said, retry_at=retry_at)
    if response.status in (401, 403, 451):
        return SourceBlocked(Source.BINANCE, said)
    if response.status >= 500 or error.code in TRANSIENT_CODES:
        return SourceUnavailable(Source.BINANCE, said)
    if response.error is not None and error.code in BAD_SYMBOL_CODES:
        return None
    return SourceProtocolError(Source.BINANCE, said)


def _wait(error: ApiError, now: datetime) -> timedelta:
    """Return the wait that an error asks for, by the server's clock if its time is given."""
    given = parse_retry_after(error)
    if given is None:
        return DEFAULT_RETRY_AFTER
    retry_after, server_time = given
    since = now if server_time is None else parse_event_time(server_time)
    return min(max(parse_event_time(retry_after) - since, timedelta()), LONGEST_RETRY_AFTER)


def is_bad_symbol(response: ApiResponse) -> bool:
    """Return whether a request was rejected for a symbol in it."""
    return response.error is not None and response.error.code in BAD_SYMBOL_CODES
