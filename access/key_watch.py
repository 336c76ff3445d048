"""Keeps what a gateway knows of keys current.

By messages, and by looks at the revision in Redis and in the database. A message makes a change known at once. A lost one is made up for by either look within `poll_s`. Both look on their own, so that one
that hangs does not delay the other. If neither succeeds for `grace_s` seconds, keys do not count until one does.
"""

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from access.authority import KeyAuthority
from access.ports import KeyNotices, KeyReader
from access.propagation import tell_changes
from rates.errors import BackendUnavailable

# With the time of the look itself less than the second within which a revocation counts.
POLL_S = 0.4
POLL_TIMEOUT_S = 2.0
RESUBSCRIBE_S = 0.5
GRACE_POLL_S = 0.25

log = structlog.get_logger("ratewire.access")


class KeyWatch:
    """Feeds `authority` with the changes in `storage`, told by `notices`.

    Without those, in one process, by looking alone.
    """

    def __init__(
        self,
        authority: KeyAuthority,
        storage: KeyReader,
        notices: KeyNotices | None,
        *,
        grace_s: float,
        poll_s: float = POLL_S,
    ) -> None:
        self._authority, self._storage, self._notices = authority, storage, notices
        self._grace_s, self._poll_s = grace_s, poll_s
        self._confirmed_at = 0.0
        self._reaches_storage = False
        # What Redis has may be of another database, until both were compared.
        self._trusts_notices = False
        self.errors: dict[str, str] = {}
        """Why the last look failed, by where it looked."""

    async def run(self) -> None:
        """Watch until cancelled."""
        self._confirmed_at = asyncio.get_running_loop().time()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._poll("database", self._check_storage))
            if self._notices is not None:
                tasks.create_task(self._poll("redis", self._check_notices))
                tasks.create_task(self._follow(self._notices))
            tasks.create_task(self._watch_grace())

    async def _poll(self, name: str, check: Callable[[], Awaitable[None]]) -> None:
        while True:
            try:
                async with asyncio.timeout(POLL_TIMEOUT_S):
                    await check()
            except (BackendUnavailable, TimeoutError) as exc:
                if name not in self.errors:
                    log.warning("keys not confirmed", where=name, error=str(exc) or type(exc).__name__)
                self.errors[name] = str(exc) or "no answer"
            else:
                if self.errors.pop(name, None) is not None:
                    log.info("keys confirmed again", where=name)
            await asyncio.sleep(self._poll_s)

    async def _check_storage(self) -> None:
        authority, storage = self._authority, self._storage
        self._reaches_storage = False
        revision = await storage.read_revision()
        if authority.revision is None:
            authority.revision = revision
        elif revision < authority.revision:
            log.warning("the database of keys is another one", revision=revision, known=authority.revision)
            self._trusts_notices = False
            authority.reset(revision)
        while authority.revision is not None and authority.revision < revision:
            authority.apply_changes(await storage.read_changes(authority.revision))
        self._reaches_storage = True
        self._confirm()

    async def _check_notices(self) -> None:
        authority, notices = self._authority, self._notices
        assert notices is not None
        if authority.revision is None:
            # Redis alone cannot tell what came before.
            return
        if not self._trusts_notices:
            await tell_changes(self._storage, notices)
            self._trusts_notices = True
        changes = await notices.read_since(authority.revision)
        if changes is not None:
            # The other look may have gone further meanwhile.
            if changes.revision > authority.revision:
                authority.apply_changes(changes)
            self._confirm()
        elif self._reaches_storage:
            # Whoever made the change did not reach Redis, or Redis was emptied.
            await tell_changes(self._storage, notices)

    async def _follow(self, notices: KeyNotices) -> None:
        while True:
            try:
                async with notices.subscribe() as changed:
                    async for key in changed:
                        if self._authority.revision is not None and self._trusts_notices:
                            self._authority.apply(key)
            except BackendUnavailable:
                # The looks report it.
                pass
            await asyncio.sleep(RESUBSCRIBE_S)

    async def _watch_grace(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            silent_s = loop.time() - self._confirmed_at
            if silent_s > self._grace_s and not self._authority.is_cut_off:
                log.error(
                    "keys do not count: neither Redis nor the database is reached", seconds=round(silent_s)
                )
                self._authority.cut_off()
            await asyncio.sleep(min(GRACE_POLL_S, max(0.01, self._grace_s - silent_s)))

    def _confirm(self) -> None:
        self._confirmed_at = asyncio.get_running_loop().time()
        if self._authority.is_cut_off:
            log.info("keys count again")
        self._authority.confirm()
