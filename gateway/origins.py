"""The origins whose pages may call the API, over HTTP and by WebSockets.

Browsers send no preflight for a WebSocket.
"""

import time
from collections.abc import Callable, Collection, Mapping
from ipaddress import ip_address
from urllib.parse import urlsplit

import structlog

from gateway.settings import LOOPBACK, PREFIX

DEFAULT_PORTS = {"http": 80, "https": 443}
SETTING = f"{PREFIX}ALLOWED_ORIGINS"
ORIGIN_NOT_ALLOWED = "ORIGIN_NOT_ALLOWED"
# Different origins that are logged in an hour: clients that are no browsers may send anything.
MAX_LOGGED = 100
LOG_PERIOD_S = 3600.0
MAX_SHOWN = 200
# A policy cannot name a whole network nor an address of IPv6, so the other addresses of loopback are left out.
_LOOPBACK_SOURCES = tuple(
    f"{scheme}://{host}:*" for scheme in DEFAULT_PORTS for host in ("localhost", "*.localhost", "127.0.0.1")
)

log = structlog.get_logger("ratewire.gateway.origins")


class OriginPolicy:
    """Decides which pages may call the API. `allowed` is the setting."""

    def __init__(self, allowed: Collection[str], *, now_s: Callable[[], float] = time.monotonic) -> None:
        self.allows_all = "*" in allowed
        self._allowed = allowed
        self._now_s = now_s
        self._logged: set[str] = set()
        self._logged_since = now_s()

    def allows(self, headers: Mapping[str, str]) -> bool:
        """Whether the page is of this host or listed. A client without an origin is not a browser."""
        return is_origin_allowed(headers, self._allowed)

    @property
    def frame_ancestors(self) -> list[str]:
        """The listed origins in the words of the policy directive `frame-ancestors`."""
        return [
            source
            for each in self._allowed
            for source in (_LOOPBACK_SOURCES if each == LOOPBACK else (each,))
        ]

    def is_listed(self, origin: str) -> bool:
        """Whether the setting lists the origin."""
        return is_listed(origin, self._allowed)

    def refusal(self, origin: str) -> dict[str, object]:
        """Return the error for a page that may not call the API."""
        message = (
            f"a page of {origin[:MAX_SHOWN]!r} may not call this API: expected an origin that {SETTING} lists"
        )
        return {"message": message, "extensions": {"code": ORIGIN_NOT_ALLOWED, "setting": SETTING}}

    def log_refusal(self, origin: str, transport: str) -> None:
        """Log a refused origin, once an hour."""
        shown, now_s = origin[:MAX_SHOWN], self._now_s()
        if now_s - self._logged_since > LOG_PERIOD_S:
            self._logged.clear()
            self._logged_since = now_s
        if shown not in self._logged and len(self._logged) < MAX_LOGGED:
            self._logged.add(shown)
            log.warning("page of another origin", origin=shown, transport=transport, setting=SETTING)


def is_origin_allowed(headers: Mapping[str, str], allowed: Collection[str]) -> bool:
    """Whether the page is of this host or its origin is allowed.

    A client without an origin is not a browser.
    """
    origin = headers.get("origin")
    if origin is None or headers.get("sec-fetch-site") == "same-origin":
        return True
    return is_same_origin(origin, headers.get("host", "")) or is_listed(origin, allowed)


def is_listed(origin: str, allowed: Collection[str]) -> bool:
    """Whether an origin is one of `allowed`, which may hold `*` and `loopback`."""
    return "*" in allowed or any(
        _is_loopback(origin) if each == LOOPBACK else _is_equal(origin, each) for each in allowed
    )


def _is_loopback(origin: str) -> bool:
    """Whether the page is of a server on the machine of its user."""
    _, host, _ = _parse(origin)
    if host is None:
        return False
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def is_same_origin(origin: str, host: str) -> bool:
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
