"""Changes of keys by operators: stored with an entry in the audit log, then told to all."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta

import structlog

from access.api_key import AdminAction, ApiKey, CreatedKey, KeySpec
from access.key_store import KeyStore
from access.ports import KeyNotices
from access.propagation import tell_changes
from rates.clock import Clock, utc_now
from rates.errors import BackendUnavailable, InvalidArgument

DEFAULT_OVERLAP = timedelta(hours=24)
MAX_ACTIONS = 1_000
TELL_TIMEOUT_S = 3.0

log = structlog.get_logger("ratewire.access")


class KeyAdmin:
    """Creates, lists, rotates and revokes keys in the name of `actor`.

    `untold`: why the last change was not told at once; gateways find it in the database within a second. `plans`: the names that there are.
    """

    def __init__(
        self,
        store: KeyStore,
        notices: KeyNotices | None,
        plans: Sequence[str],
        *,
        actor: str,
        clock: Clock = utc_now,
    ) -> None:
        self._store, self._notices, self._plans = store, notices, tuple(plans)
        self._actor, self._clock = actor, clock
        self.untold: str | None = None

    def acting_as(self, actor: str) -> "KeyAdmin":
        """Return the same in the name of somebody else."""
        return KeyAdmin(self._store, self._notices, self._plans, actor=actor, clock=self._clock)

    async def create(self, spec: KeySpec) -> CreatedKey:
        """Create a key.

        Raises:
            InvalidArgument: a part of it is not as expected.
            DatabaseUnavailable: nothing was stored.
        """
        if spec.plan not in self._plans:
            raise InvalidArgument("plan", spec.plan, f"one of {', '.join(self._plans)}")
        created = await self._store.create(spec, actor=self._actor, now=self._clock())
        log.info("key created", key=created.key.id, plan=spec.plan, actor=self._actor)
        await self._tell()
        return created

    async def revoke(self, key_id: str) -> ApiKey:
        """End a key at once.

        Raises:
            UnknownKey: there is none with this id.
            DatabaseUnavailable: nothing was stored.
        """
        key = await self._store.revoke(key_id, actor=self._actor, now=self._clock())
        log.info("key revoked", key=key.id, actor=self._actor)
        await self._tell()
        return key

    async def rotate(self, key_id: str, *, overlap: timedelta = DEFAULT_OVERLAP) -> CreatedKey:
        """Give a key a new secret. The old one counts until the overlap has passed.

        Raises:
            UnknownKey: there is none with this id.
            InvalidArgument: it cannot be rotated, or the overlap is out of range.
            DatabaseUnavailable: nothing was stored.
        """
        created = await self._store.rotate(key_id, overlap=overlap, actor=self._actor, now=self._clock())
        log.info("key rotated", key=created.key.id, overlap_s=overlap.total_seconds(), actor=self._actor)
        await self._tell()
        return created

    async def list_keys(self) -> Sequence[ApiKey]:
        """Return all keys, the oldest first."""
        return await self._store.read_all()

    async def find(self, key_id: str) -> ApiKey | None:
        """Return a key."""
        return await self._store.find(key_id)

    async def list_actions(self, *, last: int = 50, key_id: str | None = None) -> Sequence[AdminAction]:
        """Return the last entries of the audit log, the newest first.

        Raises:
            InvalidArgument: the number is out of range.
        """
        if not 1 <= last <= MAX_ACTIONS:
            raise InvalidArgument("last", last, f"1 to {MAX_ACTIONS}")
        return await self._store.read_actions(last=last, key_id=key_id)

    async def _tell(self) -> None:
        if self._notices is None:
            return
        self.untold = None
        try:
            async with asyncio.timeout(TELL_TIMEOUT_S):
                await tell_changes(self._store, self._notices)
        except (BackendUnavailable, TimeoutError) as exc:
            self.untold = str(exc) or "no answer"
            log.warning("change of a key not told", error=self.untold)
