"""Keys, and the ways on which gateways hear of them, in memory and with outages."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta

import msgspec

from access.api_key import ApiKey, CreatedKey, KeySecret
from access.key_text import generate_key, generate_key_id, hash_key, show_beginning
from access.ports import KeyChanges
from access.scope import AccessScope
from rates.errors import CacheUnavailable, DatabaseUnavailable


class Link:
    """The way from one process to a server: it works, refuses, or hangs until it works again."""

    def __init__(self) -> None:
        self._works = asyncio.Event()
        self._works.set()
        self.refuses = False

    @property
    def is_up(self) -> bool:
        return self._works.is_set()

    def cut(self, *, refuses: bool) -> None:
        self.refuses = refuses
        self._works.clear()

    def mend(self) -> None:
        self._works.set()

    async def pass_through(self, error: Callable[[str], Exception]) -> None:
        if not self.is_up and self.refuses:
            raise error("refused")
        await self._works.wait()


class MemoryKeys:
    """The database: keys by their ids, and their revision."""

    def __init__(self) -> None:
        self.keys: dict[str, ApiKey] = {}
        self.revision = 0

    def create(
        self,
        now: datetime,
        *,
        scopes: Sequence[AccessScope] = (AccessScope.READ, AccessScope.HISTORY),
        origins: Sequence[str] = (),
        expires_at: datetime | None = None,
        plan: str = "standard",
    ) -> CreatedKey:
        key_id = generate_key_id()
        text = generate_key(key_id)
        self.revision += 1
        key = ApiKey(
            id=key_id,
            name="test",
            plan=plan,
            scopes=frozenset(scopes),
            origins=frozenset(origins),
            created_at=now,
            expires_at=expires_at,
            revoked_at=None,
            revision=self.revision,
            secrets=(_secret(text, now),),
        )
        self.keys[key_id] = key
        return CreatedKey(key, text)

    def revoke(self, key_id: str, now: datetime) -> ApiKey:
        self.revision += 1
        self.keys[key_id] = msgspec.structs.replace(self.keys[key_id], revoked_at=now, revision=self.revision)
        return self.keys[key_id]

    def rotate(self, key_id: str, now: datetime, overlap: timedelta) -> CreatedKey:
        self.revision += 1
        text, key = generate_key(key_id), self.keys[key_id]
        ends_at = now + overlap
        old = tuple(
            msgspec.structs.replace(each, ends_at=min(each.ends_at or ends_at, ends_at))
            for each in key.secrets
        )
        self.keys[key_id] = msgspec.structs.replace(
            key, secrets=(*old, _secret(text, now)), revision=self.revision
        )
        return CreatedKey(self.keys[key_id], text)


def _secret(text: str, now: datetime) -> KeySecret:
    return KeySecret(digest=hash_key(text), beginning=show_beginning(text), created_at=now)


class LinkedKeys:
    """A `KeyReader` over a link."""

    def __init__(self, keys: MemoryKeys, link: Link | None = None) -> None:
        self._keys, self.link = keys, link or Link()
        self.lookups = 0

    async def find(self, key_id: str) -> ApiKey | None:
        self.lookups += 1
        await self.link.pass_through(DatabaseUnavailable)
        return self._keys.keys.get(key_id)

    async def read_revision(self) -> int:
        await self.link.pass_through(DatabaseUnavailable)
        return self._keys.revision

    async def read_changes(self, since: int) -> KeyChanges:
        await self.link.pass_through(DatabaseUnavailable)
        changed = [key for key in self._keys.keys.values() if key.revision > since]
        return KeyChanges(self._keys.revision, tuple(sorted(changed, key=lambda key: key.revision)))


class MemoryBus:
    """Redis: what was told of changes, and the gateways that listen."""

    def __init__(self) -> None:
        self.revision: int | None = None
        self.since = 0
        self.changes: dict[int, ApiKey] = {}
        self.listeners: dict[LinkedNotices, asyncio.Queue[ApiKey]] = {}
        self.told_at: dict[int, float] = {}

    def publish(self, changes: KeyChanges, since: int) -> None:
        known = -1 if self.revision is None else self.revision
        if known < since:
            self.changes, self.since, known = {}, since, -1
        for key in changes.keys:
            self.changes[key.revision] = key
            for listener, queue in self.listeners.items():
                if listener.link.is_up and not listener.loses_messages:
                    queue.put_nowait(key)
        self.revision = max(known, changes.revision)
        now_s = asyncio.get_running_loop().time()
        for revision in range(changes.revision + 1):
            self.told_at.setdefault(revision, now_s)


class LinkedNotices:
    """A `KeyNotices` over a link."""

    def __init__(self, bus: MemoryBus, link: Link | None = None) -> None:
        self._bus, self.link = bus, link or Link()
        self.loses_messages = False

    async def read_revision(self) -> int | None:
        await self.link.pass_through(CacheUnavailable)
        return self._bus.revision

    async def publish(self, changes: KeyChanges, since: int, *, resets: bool = False) -> None:
        await self.link.pass_through(CacheUnavailable)
        if resets:
            self._bus.revision = None
        self._bus.publish(changes, since)

    async def read_since(self, revision: int) -> KeyChanges | None:
        await self.link.pass_through(CacheUnavailable)
        bus = self._bus
        if bus.revision is None or bus.revision < revision or bus.since > revision:
            return None
        return KeyChanges(
            bus.revision, tuple(key for at, key in sorted(bus.changes.items()) if at > revision)
        )

    @asynccontextmanager
    async def subscribe(self) -> AsyncIterator[AsyncIterator[ApiKey]]:
        await self.link.pass_through(CacheUnavailable)
        queue = self._bus.listeners[self] = asyncio.Queue()

        async def read() -> AsyncIterator[ApiKey]:
            while True:
                yield await queue.get()

        try:
            yield read()
        finally:
            self._bus.listeners.pop(self, None)
