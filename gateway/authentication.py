"""Finds who sends a request: by the key or token in it, or anybody."""

from collections.abc import Iterable, Mapping
from typing import Any

from access.authority import KeyAuthority
from access.principal import Principal
from access.scope import AccessScope
from gateway.cache_limits import CREDENTIALS_BYTES, MAX_CREDENTIALS, MAX_CREDENTIALS_BYTES
from gateway.credentials import read_credential, read_payload_credential
from gateway.lru import BoundedLru
from gateway.origins import is_listed, is_same_origin
from rates.errors import DenialReason, Forbidden, Unauthenticated

RawHeaders = Iterable[tuple[bytes, bytes]]
Credentials = tuple[tuple[bytes, bytes], ...]
"""The header fields with a key."""


class Authentication:
    """Finds the principal of a request on each transport."""

    def __init__(self, authority: KeyAuthority) -> None:
        self._authority = authority
        # To read and hash the same key for each request takes longer than to answer it.
        self._known: BoundedLru[Credentials, Principal] = BoundedLru(
            size=MAX_CREDENTIALS,
            weight=MAX_CREDENTIALS_BYTES,
            weigh=lambda credentials, _: CREDENTIALS_BYTES + sum(len(value) for _, value in credentials),
        )
        self.anonymous = authority.anonymous
        """Who asks without a key; `None` if nobody may."""

    def find(self, credentials: Credentials) -> Principal | None:
        """Return the principal of a request on the fast path, by its header fields with a key.

        `None` for all that `authenticate` has to look at: a request without an `Origin` has to prove that it is of an allowed page.
        """
        if not credentials:
            return self.anonymous
        principal = self._known.get(credentials)
        if principal is not None:
            principal = self._authority.renew(principal)
        if principal is None:
            principal = self._find_new(credentials)
        return None if principal is None or principal.origins else principal

    def _find_new(self, credentials: Credentials) -> Principal | None:
        try:
            text = read_credential(credentials)
        except Unauthenticated:
            return None
        if text is None:
            return self.anonymous
        principal = self._authority.find(text)
        # Tokens are long, and have a cache of their own.
        if principal is not None and principal.is_revocable:
            self._known.put(credentials, principal)
        return principal

    def is_current(self, principal: Principal) -> bool:
        """Tell whether the principal of an earlier request still counts, as it was."""
        return self._authority.is_current(principal)

    async def authenticate(self, headers: RawHeaders) -> Principal:
        """Return the principal of a request by its header fields, in lower case.

        Raises:
            Unauthenticated: there is no key, or it does not count.
            Forbidden: the key does not allow this page.
            AccessUnavailable: this cannot be told at present.
        """
        text = read_credential(headers)
        if text is not None:
            return await self._verify(text, headers)
        if self.anonymous is None:
            raise Unauthenticated(DenialReason.MISSING)
        return self.anonymous

    async def authenticate_connection(
        self, headers: RawHeaders, payload: Mapping[str, Any] | None
    ) -> Principal:
        """Return the principal of a WebSocket.

        By the payload of `connection_init`, else by the header fields of its handshake.

        Raises:
            Unauthenticated, Forbidden, AccessUnavailable: as `authenticate`.
        """
        text = read_payload_credential(payload)
        return await (self.authenticate(headers) if text is None else self._verify(text, headers))

    async def _verify(self, text: str, headers: RawHeaders) -> Principal:
        principal = await self._authority.verify(text)
        if principal.origins:
            check_page(principal, headers)
        return principal


def check_page(principal: Principal, headers: RawHeaders) -> None:
    """Check that a request comes from a page that may use the key.

    Raises:
        Forbidden: it does not, or does not say so.
    """
    named = {
        name: value.decode("latin-1")
        for name, value in headers
        if name in {b"origin", b"host", b"sec-fetch-site"}
    }
    origin, host = named.get(b"origin"), named.get(b"host", "")
    if origin is None and named.get(b"sec-fetch-site") == "same-origin":
        # Browsers leave it out of a GET to their own site: the page is of one of the origins with this host.
        if any(is_same_origin(each, host) for each in principal.origins):
            return
    elif origin is not None and is_listed(origin, principal.origins):
        return
    raise Forbidden(DenialReason.ORIGIN, plan=principal.plan, origin=None if origin is None else origin[:200])


def check_scopes(principal: Principal, needed: frozenset[AccessScope]) -> None:
    """Check that a principal may do what an operation needs.

    Raises:
        Forbidden: names the first scope that is missing.
    """
    if not needed <= principal.scopes:
        missing = min(needed - principal.scopes)
        raise Forbidden(DenialReason.SCOPE, plan=principal.plan, scope=missing)
