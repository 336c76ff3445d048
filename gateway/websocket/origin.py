"""Which pages may open a WebSocket. Browsers ask no server before, so the server must look. Pure."""

from collections.abc import Collection, Mapping
from urllib.parse import urlsplit

DEFAULT_PORTS = {"http": 80, "https": 443}


def is_origin_allowed(headers: Mapping[str, str], allowed: Collection[str]) -> bool:
    """Whether the page that opens the socket came from here or is listed; what sends no origin is no browser."""
    origin = headers.get("origin")
    if origin is None or "*" in allowed or headers.get("sec-fetch-site") == "same-origin":
        return True
    return _is_same(origin, headers.get("host", "")) or any(_is_equal(origin, each) for each in allowed)


def _is_same(origin: str, host: str) -> bool:
    """Host and port only: a proxy may have taken TLS off, so that an https page arrives over http."""
    scheme = origin.partition("://")[0]
    return _read(origin)[1:] == _read(f"{scheme}://{host.strip()}")[1:] != (None, None)


def _is_equal(origin: str, listed: str) -> bool:
    return _read(origin) == _read(listed) != ("", None, None)


def _read(origin: str) -> tuple[str, str | None, int | None]:
    """Scheme, host and port; all empty where it is no origin, such as `null`."""
    try:
        parts = urlsplit(origin.strip())
        port = parts.port
    except ValueError:
        return "", None, None
    if not parts.hostname:
        return "", None, None
    return parts.scheme, parts.hostname, port or DEFAULT_PORTS.get(parts.scheme)
