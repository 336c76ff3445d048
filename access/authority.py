"""Verifies keys and tokens. A key that is known costs a hash and two look-ups in memory."""

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import Protocol

from access.api_key import ApiKey
from access.key_text import PREFIX, fingerprint, hash_key, parse_key_id
from access.known_keys import KnownKeys, is_current
from access.lookup_rate import LookupRate
from access.ports import KeyChanges, KeyReader
from access.principal import ANONYMOUS, Principal
from rates.clock import Clock, utc_now
from rates.errors import AccessUnavailable, BackendUnavailable, DenialReason, Unauthenticated

LOOKUP_TIMEOUT_S = 3.0
# Look-ups in the database that run at once; further ones wait.
MAX_LOOKUPS = 8
# For so long an unknown secret is not looked up again. A gateway hears of a new key before it is used, as a rule.
UNKNOWN_S = 2.0
MAX_UNKNOWN = 10_000
# Longer than any key or token that is of use.
MAX_LENGTH = 8_192


class TokenVerifier(Protocol):
    """Verifies the tokens of an identity provider."""

    def find(self, token: str, now: datetime) -> Principal | None:
        """Return the principal of a token that was verified before and has not expired."""
        ...

    async def verify(self, token: str, now: datetime) -> Principal:
        """Return the principal of a token.

        Raises:
            Unauthenticated: it does not count.
            AccessUnavailable: the keys of the provider cannot be had at present.
        """
        ...


class KeyAuthority:
    """Finds who sends a request, by its key or token. Without `storage` there are no keys.

    `anonymous`: whether requests without a key are answered. `KeyWatch` keeps what is known current.
    """

    def __init__(
        self,
        storage: KeyReader | None = None,
        *,
        anonymous: bool = True,
        tokens: TokenVerifier | None = None,
        clock: Clock = utc_now,
    ) -> None:
        self._storage, self._tokens, self._clock = storage, tokens, clock
        self.anonymous = ANONYMOUS if anonymous else None
        """Who asks without a key; `None` if nobody may."""
        self.keys = KnownKeys()
        self.revision: int | None = None
        """All changes up to this one are known; `None` before the database was read."""
        self.is_cut_off = False
        """Whether neither Redis nor the database has been reached for longer than the grace: keys do not count meanwhile."""
        self.on_changed: list[Callable[[str], None]] = []
        """Called with the id of each key that has changed."""
        self.on_cut_off: list[Callable[[], None]] = []
        """Called when keys do not count any more, for now."""
        self._lookups: dict[str, asyncio.Task[ApiKey | None]] = {}
        self._slots = asyncio.Semaphore(MAX_LOOKUPS)
        self._rate = LookupRate()
        self._unknown: OrderedDict[str, float] = OrderedDict()

    def find(self, text: str) -> Principal | None:
        """Return the principal of a key or token that is known and counts now. Waits for nothing."""
        if text.startswith(PREFIX):
            principal = None if self.is_cut_off else self.keys.find_principal(text)
            return principal if principal is not None and self._is_in_time(principal) else None
        return None if self._tokens is None else self._tokens.find(text, self._clock())

    def renew(self, principal: Principal) -> Principal | None:
        """Return the principal of a key as it is now; `None` if it does not count, or is not known."""
        renewed = None if self.is_cut_off else self.keys.renew(principal)
        return renewed if renewed is not None and self._is_in_time(renewed) else None

    def is_current(self, principal: Principal) -> bool:
        """Tell whether a principal that was returned before still counts, with all that it says."""
        if principal.key_id is None:
            return self.anonymous is not None
        if principal.is_revocable:
            renewed = self.keys.renew(principal)
            if self.is_cut_off or (renewed is not principal and renewed != principal):
                return False
        return self._is_in_time(principal)

    async def verify(self, text: str) -> Principal:
        """Return the principal of a key or token.

        Raises:
            Unauthenticated: it does not count; with the reason.
            AccessUnavailable: this cannot be told at present.
        """
        if (principal := self.find(text)) is not None:
            return principal
        if len(text) > MAX_LENGTH:
            raise Unauthenticated(DenialReason.MALFORMED)
        if text.startswith(PREFIX):
            return await self._verify_key(text)
        if self._tokens is None:
            raise Unauthenticated(DenialReason.MALFORMED)
        return await self._tokens.verify(text, self._clock())

    def apply(self, key: ApiKey) -> None:
        """Take a change of a key. One that is known to have changed later is left as it is."""
        if self.keys.put(key):
            for notify in self.on_changed:
                notify(key.id)

    def apply_changes(self, changes: KeyChanges) -> None:
        """Take all changes up to a revision."""
        for key in changes.keys:
            self.apply(key)
        self.revision = changes.revision

    def reset(self, revision: int) -> None:
        """Begin anew: the database is another one, or was restored."""
        self.keys.clear()
        self.revision = revision
        self.cut_off()

    def cut_off(self) -> None:
        """Let keys not count until `confirm`."""
        self.is_cut_off = True
        for notify in self.on_cut_off:
            notify()

    def confirm(self) -> None:
        """Note that all changes up to now are known."""
        self.is_cut_off = False

    def _is_in_time(self, principal: Principal) -> bool:
        # Most keys never end, and reading the clock takes as long as finding one.
        return principal.expires_at is None or is_current(principal, self._clock())

    async def _verify_key(self, text: str) -> Principal:
        key_id = parse_key_id(text)
        if key_id is None:
            raise Unauthenticated(DenialReason.MALFORMED)
        if self.is_cut_off:
            raise AccessUnavailable("keys cannot be verified at present: try again")
        credential = fingerprint(hash_key(text))
        known = self.keys.find(key_id)
        if known is None or (known.revoked_at is None and self.keys.find_secret(key_id, credential) is None):
            # A secret that is new since a rotation is in the database before anybody has told us.
            known = await self._find_stored(key_id, credential)
        if known is None:
            raise Unauthenticated(DenialReason.UNKNOWN)
        if known.revoked_at is not None:
            raise Unauthenticated(DenialReason.REVOKED)
        principal = self.keys.find_secret(key_id, credential)
        if principal is None:
            raise Unauthenticated(DenialReason.UNKNOWN)
        if not is_current(principal, self._clock()):
            raise Unauthenticated(DenialReason.EXPIRED)
        return principal

    async def _find_stored(self, key_id: str, credential: str) -> ApiKey | None:
        """Return a key as it is stored, or `None`.

        The one known here, if it changed later than that was read.
        """
        loop = asyncio.get_running_loop()
        until = self._unknown.get(credential)
        if until is not None and loop.time() < until:
            return self.keys.find(key_id)
        lookup = self._lookups.get(key_id)
        if lookup is None:
            if self._storage is None:
                return None
            if not self._rate.admits(loop.time()):
                raise AccessUnavailable("too many unknown keys at once: try again")
            lookup = self._lookups[key_id] = loop.create_task(self._look_up(key_id, self._storage))
            lookup.add_done_callback(partial(self._on_looked_up, key_id))
        # Others may wait for it too.
        found = await asyncio.shield(lookup)
        if found is not None:
            # Open connections of its earlier secret end now: the message that comes later, if any does, is no news then.
            self.apply(found)
            found = self.keys.find(key_id)
        if found is None or self.keys.find_secret(key_id, credential) is None:
            self._unknown[credential] = loop.time() + UNKNOWN_S
            if len(self._unknown) > MAX_UNKNOWN:
                self._unknown.popitem(last=False)
        return found

    def _on_looked_up(self, key_id: str, lookup: asyncio.Task[ApiKey | None]) -> None:
        self._lookups.pop(key_id, None)
        if not lookup.cancelled():
            # Those who waited may have gone meanwhile: then nobody else takes the error.
            lookup.exception()

    async def _look_up(self, key_id: str, storage: KeyReader) -> ApiKey | None:
        try:
            async with asyncio.timeout(LOOKUP_TIMEOUT_S), self._slots:
                if self.revision is None:
                    # Before any key: later changes are told.
                    self.revision = await storage.read_revision()
                return await storage.find(key_id)
        except (BackendUnavailable, TimeoutError) as exc:
            raise AccessUnavailable("keys cannot be verified at present: try again") from exc
