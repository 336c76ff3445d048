"""Responses of CoinGecko's REST API. Pure.

Status is checked first, then content type, then the body, so that an error never looks like a missing price. Format:
coingecko-api-oas, `/simple/price`; error bodies as observed.
"""

from collections.abc import Collection, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

import msgspec

from pipeline.net.decode_errors import DECODE_ERRORS
from pipeline.net.retry_after import DEFAULT_RETRY_AFTER, parse_retry_after_header
from rates.errors import (
    SourceBlocked,
    SourceError,
    SourceProtocolError,
    SourceRateLimited,
    SourceUnavailable,
)
from rates.source import Source

# Key missing, plan too small, key of another plan for this host (twice), network blocked, firewall.
BLOCKING_CODES = frozenset({10002, 10005, 10010, 10011, 20000, 1020})
# A list of coins takes a megabyte. Errors are recognised by the beginning of the body.
BEGINNING_BYTES = 400
BLOCKING_STATUSES = frozenset({401, 403, 451})
TRANSIENT_STATUSES = frozenset({408, 500, 502, 503, 504})
OTHER_KEY = "the key is of another plan than RATEWIRE_COINGECKO_PLAN says: demo keys belong to `demo`, paid ones to `pro`"
# How to fix each error.
ADVICE = {
    10002: "no key came with the call: set RATEWIRE_COINGECKO_API_KEY and RATEWIRE_COINGECKO_PLAN",
    10005: "the key's plan does not include this",
    10010: OTHER_KEY,
    10011: OTHER_KEY,
    20000: "the network that we ask from is blocked",
    1020: "the firewall refuses the address that we ask from",
}
# Texts in place of JSON, with status 429 and others.
RATE_TEXTS = ("throttled", "error code: 1015")

CoinQuote = dict[str, Decimal | None]

_prices_decoder = msgspec.json.Decoder(dict[str, msgspec.Raw])
_quote_decoder = msgspec.json.Decoder(CoinQuote)


def parse_prices(body: bytes, ids: Collection[str]) -> tuple[dict[str, CoinQuote], list[str]]:
    """Parse the quotes of `/simple/price`, and return the ids of unreadable entries, too.

    `{"bitcoin":{"usd":76975,"usd_24h_change":-1.409,"last_updated_at":1779092258},"pepe":{"usd":3.97e-06,…}}`: numbers are
    JSON numbers, read exactly; an id that is missing or `{}` has no quote.

    Raises:
        SourceProtocolError: malformed.
    """
    try:
        entries = _prices_decoder.decode(body)
    except DECODE_ERRORS as exc:
        raise SourceProtocolError(
            Source.COINGECKO, f"expected an object of prices, saw {body[:160]!r}: {exc}"
        ) from exc
    if entries.keys() & {"error", "status"} - set(ids):
        raise SourceProtocolError(Source.COINGECKO, f"expected prices, saw {body[:160]!r}")
    quotes: dict[str, CoinQuote] = {}
    unreadable = []
    for coin in entries.keys() & set(ids):
        try:
            quotes[coin] = _quote_decoder.decode(entries[coin])
        except DECODE_ERRORS:
            unreadable.append(coin)
    return quotes, unreadable


def response_error(  # noqa: PLR0911 - one return per rule
    status: int, headers: Mapping[str, str], body: bytes, now: datetime
) -> SourceError | None:
    """Return the error that a response means, or `None` for a successful one."""
    text = body[:300].decode(errors="replace")
    wait = parse_retry_after_header(headers.get("retry-after"), now) or DEFAULT_RETRY_AFTER
    if status == 429 or text.strip().lower().startswith(RATE_TEXTS):
        return SourceRateLimited(Source.COINGECKO, _summary(status, text), retry_at=now + wait)
    if error := _body_error(status, body, now + wait):
        return error
    if status in BLOCKING_STATUSES:
        return SourceBlocked(Source.COINGECKO, _summary(status, text))
    if status in TRANSIENT_STATUSES or status >= 500:
        return SourceUnavailable(Source.COINGECKO, _summary(status, text))
    if status != 200:
        return SourceProtocolError(Source.COINGECKO, _summary(status, text))
    if "json" not in headers.get("content-type", ""):
        return SourceProtocolError(Source.COINGECKO, f"expected JSON, saw {_summary(status, text)}")
    return None


def _body_error(status: int, body: bytes, retry_at: datetime) -> SourceError | None:
    """Return the error in a body, in any of its forms. It was seen with status 200, too."""
    if b'"error' not in body[:BEGINNING_BYTES]:
        return None
    code = _error_code(body)
    summary = _summary(status, body[:300].decode(errors="replace"))
    if code in BLOCKING_CODES:
        return SourceBlocked(Source.COINGECKO, f"{ADVICE[code]} ({summary})")
    if code == 429:
        return SourceRateLimited(Source.COINGECKO, summary, retry_at=retry_at)
    if code is not None and status == 200:
        return SourceProtocolError(Source.COINGECKO, f"expected prices, saw {summary}")
    return None


def _error_code(body: bytes) -> int | None:
    try:
        found: Any = msgspec.json.decode(body)
    except DECODE_ERRORS:
        return None
    for _ in range(3):
        if not isinstance(found, dict):
            return None
        if isinstance(code := found.get("error_code"), int):
            return code
        found = found.get("error") if isinstance(found.get("error"), dict) else found.get("status")
    return None


def _summary(status: int, text: str) -> str:
    return f"HTTP {status}: {' '.join(text.split())[:160]!r}"
