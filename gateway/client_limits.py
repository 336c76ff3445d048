"""Limits on what the clients of one address, and all together, may hold open in a process."""

from collections import Counter
from functools import lru_cache
from ipaddress import IPv6Address, ip_address
from typing import Any

TOO_MANY_SOCKETS, TOO_MANY_SUBSCRIPTIONS = "TOO_MANY_SOCKETS", "TOO_MANY_SUBSCRIPTIONS"
_CODES = {"sockets": TOO_MANY_SOCKETS, "subscriptions": TOO_MANY_SUBSCRIPTIONS}
# One customer of an IPv6 network has at least this many bits of it, and seldom more than those of a site [RFC 6177].
_NETWORK_BITS = 64
_SITE_BITS = 80
# Addresses that are read already. Reading one takes 8 µs.
MAX_KNOWN_ADDRESSES = 8_192


class ClientLimitReached(Exception):
    """An address, or the process, holds as many as it may: `limit` of `name`."""

    def __init__(self, name: str, limit: int, *, is_of_address: bool) -> None:
        self.name, self.limit, self.is_of_address = name, limit, is_of_address
        where = "from your address" if is_of_address else "on this gateway"
        super().__init__(f"{limit} {name} are open {where}, the limit: close one, or try again later")

    @property
    def extensions(self) -> dict[str, Any]:
        """The details for programs."""
        return {
            "code": _CODES[self.name],
            "limit": self.limit,
            "scope": "ADDRESS" if self.is_of_address else "GATEWAY",
        }


class ClientLimit:
    """Counts what is open, by address and together. `name` is its plural."""

    def __init__(self, name: str, *, per_address: int, in_process: int) -> None:
        self._name = name
        self._per_address, self._in_process = per_address, in_process
        self._by_address: Counter[str] = Counter()
        self.open = 0
        self.refused = {"address": 0, "gateway": 0}
        """Refusals by the limit that was reached."""

    def take(self, address: str) -> None:
        """Count one more of an address; each is released once.

        Raises:
            ClientLimitReached: the address or the process has none left.
        """
        if self.open >= self._in_process:
            self.refused["gateway"] += 1
            raise ClientLimitReached(self._name, self._in_process, is_of_address=False)
        if self._by_address[address] >= self._per_address:
            self.refused["address"] += 1
            raise ClientLimitReached(self._name, self._per_address, is_of_address=True)
        self._by_address[address] += 1
        self.open += 1

    def release(self, address: str) -> None:
        """Count one less."""
        self.open -= 1
        self._by_address[address] -= 1
        if not self._by_address[address]:
            del self._by_address[address]


class ClientLimits:
    """The limits of a process: of WebSockets and streams, and of subscriptions on them."""

    def __init__(self, *, sockets: ClientLimit, subscriptions: ClientLimit) -> None:
        self.sockets, self.subscriptions = sockets, subscriptions


def read_address(scope: Any) -> str:
    """Return the client's address, the network of an IPv6 address, in an ASGI scope.

    Behind a trusted proxy it is the one that the proxy saw: uvicorn has put it into the scope.
    """
    return read_network((scope.get("client") or ("", 0))[0])


@lru_cache(maxsize=MAX_KNOWN_ADDRESSES)
def read_network(host: str) -> str:
    """Return an address, or the network of an IPv6 address."""
    try:
        address = ip_address(host)
    except ValueError:
        return host[:100]
    if not isinstance(address, IPv6Address):
        return str(address)
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return f"{IPv6Address(int(address) >> _NETWORK_BITS << _NETWORK_BITS)}/{_NETWORK_BITS}"


def read_site(network: str) -> str | None:
    """Return the site (/48) of an IPv6 network as `read_network` names it.

    `None` for another address.
    """
    host, slash, _ = network.partition("/")
    try:
        address = IPv6Address(host) if slash else None
    except ValueError:
        return None
    if address is None:
        return None
    return f"{IPv6Address(int(address) >> _SITE_BITS << _SITE_BITS)}/{128 - _SITE_BITS}"
