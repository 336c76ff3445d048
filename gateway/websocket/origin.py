"""Checks the origin of WebSockets: browsers send no preflight request for them. Pure."""

from collections.abc import Collection, Mapping
from urllib.parse import urlsplit

DEFAULT_PORTS = {"http": 80, "https": 443}


def is_origin_allowed(headers: Mapping[str, str], allowed: Collection[str]) -> bool:
    """Whether the page is of this host or its origin is allowed.

    A client without an origin is not a browser.
    """
    origin = headers.get("origin")
    if origin is None or "*" in allowed or headers.get("sec-fetch-site") == "same-origin":
        return True
    return _is_same(origin, headers.get("host", "")) or any(_is_equal(origin, each) for each in allowed)


def _is_same(origin: str, host: str) -> bool:
    """Compare host and port only: a proxy may have terminated TLS."""
    scheme = origin.partition("://")[0]
    return _parse(origin)[1:] == _parse(f"{scheme}://{host.strip()}")[1:] != (None, None)


def _is_equal(origin: str, listed: str) -> bool:
    return _parse(origin) == _parse(listed) != ("", None, None)


def _parse(origin: str) -> tuple[str, str | None, int | None]:
    """Parse scheme, host and port; all empty if it is not an origin, such as `null`."""
    try:
        parts = urlsplit(origin.strip())
        port = parts.port
    except ValueError:
        return "", None, None
    if not parts.hostname:
        return "", None, None
    return parts.scheme, parts.hostname, port or DEFAULT_PORTS.get(parts.scheme)
