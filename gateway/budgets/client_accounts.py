"""The accounts of clients by their keys or addresses, on the ASGI path and before it."""

from functools import lru_cache
from typing import Any

from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from access.principal import ANONYMOUS, Principal
from gateway.budgets.account import Account
from gateway.budgets.account_registry import KEY_PREFIX, Accounts
from gateway.client_limits import read_network
from rates.errors import AccessDenied, AccessUnavailable, DenialReason

# Addresses of clients, and what proxies say of them.
MAX_KNOWN = 8_192


class ClientAccounts:
    """Finds the account of a request.

    Without a key it is that of the address; behind a trusted proxy, of the one that the proxy saw.
    """

    def __init__(self, accounts: Accounts, trusted_proxies: list[str]) -> None:
        self.accounts = accounts
        # The middleware does the same on the ASGI path, where it has put the address into the scope.
        self._trusted = (
            ProxyHeadersMiddleware(_no_app, trusted_proxies).trusted_hosts if trusted_proxies else None
        )
        self._read_address = lru_cache(maxsize=MAX_KNOWN)(self._read)

    def is_proxy(self, peer: tuple[str, int] | None) -> bool:
        """Whether a connection is that of a trusted proxy."""
        return self._trusted is not None and peer is not None and peer[0] in self._trusted

    def of_scope(self, scope: Any, principal: Principal) -> Account:
        """Return the account of a request, by its ASGI scope."""
        if principal.key_id is not None:
            return self.accounts.of_key(principal.key_id, principal.plan)
        return self.accounts.of_address(self._read_address((scope.get("client") or ("", 0))[0], None))

    def of_address(self, scope: Any) -> Account:
        """Return the account of a client that has not shown a key, or none that counts."""
        return self.of_scope(scope, ANONYMOUS)

    async def deny(self, error: AccessDenied | AccessUnavailable, scope: Any) -> None:
        """Count a denied client, and let it wait where its address sends many of those.

        A scope that is missing is known only after the operation was charged.
        """
        self.accounts.note_denied(error)
        if isinstance(error, AccessDenied) and error.reason is not DenialReason.SCOPE:
            await self.of_address(scope).refusals.wait_if_behind()

    def of_peer(
        self, peer: tuple[str, int] | None, forwarded_for: bytes | None, principal: Principal
    ) -> Account:
        """Return the account of a request, by the address of its connection and `X-Forwarded-For`."""
        if principal.key_id is not None:
            return self.accounts.of_key(principal.key_id, principal.plan)
        return self.accounts.of_address(self._read_address(peer[0] if peer else "", forwarded_for))

    def _read(self, host: str, forwarded_for: bytes | None) -> str:
        if self._trusted is not None and forwarded_for and host in self._trusted:
            host = self._trusted.get_trusted_client_address(forwarded_for.decode("latin-1"))[0] or host
        name = read_network(host)
        # A proxy may pass on what a client says of itself: that never names a key.
        return f"address {name}" if name.startswith(KEY_PREFIX) else name


async def _no_app(*_: Any) -> None:
    """Stand in for an application: only the trusted hosts are used."""
