"""The interfaces of the access control to the database and to Redis."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from typing import NamedTuple, Protocol

from access.api_key import ApiKey


class KeyChanges(NamedTuple):
    """Keys as they are after their last change, and the revision up to which these are all."""

    revision: int
    keys: tuple[ApiKey, ...]


class KeyReader(Protocol):
    """The storage of keys, as gateways read it."""

    async def find(self, key_id: str) -> ApiKey | None:
        """Read a key.

        Raises:
            DatabaseUnavailable: the database cannot be reached.
        """
        ...

    async def read_revision(self) -> int:
        """Read the number of changes so far.

        Raises:
            DatabaseUnavailable: the database cannot be reached.
        """
        ...

    async def read_changes(self, since: int) -> KeyChanges:
        """Read the keys that changed after a revision.

        Raises:
            DatabaseUnavailable: the database cannot be reached.
        """
        ...


class KeyNotices(Protocol):
    """The way on which gateways hear of changes at once, and can look them up: Redis."""

    async def read_revision(self) -> int | None:
        """Return the revision up to which changes were told; `None` if nothing is known here.

        Raises:
            CacheUnavailable: Redis cannot be reached.
        """
        ...

    async def publish(self, changes: KeyChanges, since: int, *, resets: bool = False) -> None:
        """Store all changes after the revision `since`, and tell all gateways.

        Repeating it does no harm.

        `resets`: what is stored is of another database, and is dropped.

        Raises:
            CacheUnavailable: they may or may not have been told.
        """
        ...

    async def read_since(self, revision: int) -> KeyChanges | None:
        """Return all changes after a revision; `None` if some are missing here.

        Raises:
            CacheUnavailable: Redis cannot be reached.
        """
        ...

    def subscribe(self) -> AbstractAsyncContextManager[AsyncIterator[ApiKey]]:
        """Yield each key that changes, from the moment on at which the context is entered.

        Raises:
            CacheUnavailable: the subscription broke; also from the iterator.
        """
        ...
