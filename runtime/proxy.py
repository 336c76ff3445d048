"""Chooses the proxy of a connection from the environment.

One rule for HTTP and WebSockets.

Imports the standard library only, because the client commands start with it.
"""

import ipaddress
import logging
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import SplitResult, urlsplit
from urllib.request import getproxies

from rates.errors import InvalidSetting

# Those that both httpx and websockets can use.
PROXY_SCHEMES = ("http", "https", "socks5", "socks5h")
DEFAULT_PORTS = {"http": 80, "ws": 80, "https": 443, "wss": 443}
# Variables by the scheme of a connection, the first that is set wins.
VARIABLES = {
    "http": ("http", "socks", "all"),
    "https": ("https", "socks", "all"),
    "ws": ("ws", "http", "socks", "all"),
    "wss": ("wss", "https", "socks", "all"),
}
# An address in brackets or with at most one colon, then a port; anything else has none.
_WITH_PORT = re.compile(r"(\[[^\]]*\](?:/\d+)?|[^:\[\]]*):(\d{1,5})")

_log = logging.getLogger("ratewire.proxy")

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


@dataclass(frozen=True)
class Exclusion:
    """One entry of `NO_PROXY`: a network, or a domain with its subdomains.

    `port`: `None` for all ports.
    """

    network: ipaddress.IPv4Network | ipaddress.IPv6Network | None
    domain: str
    port: int | None

    def covers(self, host: str, address: Address | None, port: int) -> bool:
        """Return whether a connection to this host is made directly."""
        if self.port is not None and self.port != port:
            return False
        if self.network is not None:
            return address is not None and address in self.network
        return self.domain in {"*", host} or host.endswith(f".{self.domain}")


@dataclass(frozen=True)
class ProxyRules:
    """The proxies of the environment, and the hosts that are reached without them.

    `proxies`: kind (`https`, `all`, ...) → address.
    """

    proxies: Mapping[str, str]
    exclusions: tuple[Exclusion, ...]

    def proxy_for(self, url: str) -> str | None:
        """Return the address of the proxy for a connection to `url`, `None` for a direct one.

        Addresses of this machine are always reached directly.

        Raises:
            InvalidSetting: the proxy is one that cannot be used.
        """
        parts = urlsplit(url)
        host, address = _host_of(parts)
        if is_loopback(host):
            return None
        port = parts.port or DEFAULT_PORTS.get(parts.scheme, 0)
        if any(exclusion.covers(host, address, port) for exclusion in self.exclusions):
            return None
        for kind in VARIABLES.get(parts.scheme, ()):
            if proxy := self.proxies.get(kind):
                return _checked(kind, proxy)
        return None

    def check(self) -> None:
        """Check the proxies of connections to the sources.

        Raises:
            InvalidSetting: one of them cannot be used.
        """
        for kind in VARIABLES["wss"]:
            if proxy := self.proxies.get(kind):
                _checked(kind, proxy)


def read_proxy_rules(proxies: Mapping[str, str] | None = None) -> ProxyRules:
    """Read the rules from the environment, or from `proxies`.

    On macOS an environment without proxies stands for the settings of the system. Entries of `NO_PROXY` that cannot be read are ignored with a warning.
    """
    found = dict(getproxies() if proxies is None else proxies)
    excluded = found.pop("no", "")
    return ProxyRules(found, _parse_exclusions(excluded))


def check_proxies(*, simulated: bool) -> None:
    """Check the proxies of the environment at the start of a process.

    Simulated sources are reached directly, so that none are checked.

    Raises:
        InvalidSetting: one of the proxies cannot be used.
    """
    if not simulated:
        read_proxy_rules().check()


def is_loopback(host: str) -> bool:
    """Return whether the host is this machine by its name or address."""
    address = _address(host)
    if address is None:
        return host == "localhost" or host.endswith(".localhost")
    return address.is_loopback or address.is_unspecified


def _host_of(parts: SplitResult) -> tuple[str, Address | None]:
    host = (parts.hostname or "").lower().rstrip(".")
    return host, _address(host)


def _address(host: str) -> Address | None:
    """Return the IP address of a numeric host, `None` for a name.

    IPv4 within IPv6 becomes IPv4.
    """
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address


@lru_cache(maxsize=1)  # every connection asks, one warning is enough
def _parse_exclusions(text: str) -> tuple[Exclusion, ...]:
    return tuple(_readable(filter(None, re.split(r"[,\s]+", text))))


def _readable(entries: Iterable[str]) -> Iterable[Exclusion]:
    for entry in entries:
        try:
            yield parse_exclusion(entry)
        except ValueError as exc:
            _log.warning("NO_PROXY: ignored the entry %r: %s", entry[:80], exc)


def parse_exclusion(entry: str) -> Exclusion:
    """Parse an entry of `NO_PROXY`.

    `example.com`, `.example.com`, `*.example.com`, `10.0.0.0/8`, `::1`, `[fd00::]/8`, each with or without a port.

    Raises:
        ValueError: not one of these.
    """
    text, port = entry.lower().rpartition("://")[2], None
    if match := _WITH_PORT.fullmatch(text):
        text, port = match[1], int(match[2])
    text = text.replace("[", "").replace("]", "")
    try:
        return Exclusion(ipaddress.ip_network(text, strict=False), "", port)
    except ValueError:
        domain = text if text == "*" else text.removeprefix("*").strip(".")
        if not domain or re.search(r"[/:]|.\*", domain):
            raise ValueError("expected a domain, an IP address or a network") from None
        return Exclusion(None, domain, port)


def _checked(kind: str, proxy: str) -> str:
    # As in curl, an address without a scheme is that of an HTTP proxy; macOS gives SOCKS proxies as http.
    url = proxy if "://" in proxy else f"http://{proxy}"
    if kind == "socks" and url.startswith("http://"):
        url = f"socks5h://{url.removeprefix('http://')}"
    try:
        parts = urlsplit(url)
        is_valid = parts.scheme in PROXY_SCHEMES and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_valid = False
    if not is_valid or parts.path not in {"", "/"} or (parts.username is not None and parts.password is None):
        expected = f"expected SCHEME://[USER:PASSWORD@]HOST:PORT, with one of {', '.join(PROXY_SCHEMES)}"
        raise InvalidSetting(_variable(kind), _without_password(proxy), expected)
    # The proxy resolves names: of a `socks5` proxy, httpx expects that already, and websockets would resolve them here.
    return re.sub("^socks5:", "socks5h:", url)


def _variable(kind: str) -> str:
    """Return the variable as it is spelt in the environment.

    The lower-case one wins, as in curl.
    """
    name = f"{kind}_proxy"
    return name if os.environ.get(name) else name.upper()


def _without_password(proxy: str) -> str:
    user, at, host = proxy.rpartition("@")
    return f"{user.rpartition('://')[0]}://***@{host}" if at else host
