"""The open WebSockets and streams of keys and tokens, which end with them."""

import asyncio
from collections import Counter
from collections.abc import Iterable

from access.authority import KeyAuthority
from access.known_keys import is_current
from access.principal import Principal
from gateway.client_connections import ClientConnection, Ending
from rates.clock import Clock
from rates.errors import AccessUnavailable, DenialReason, Unauthenticated

# A connection ends this long after its key has expired, at the latest.
EXPIRY_POLL_S = 0.25

_Group = tuple[str, str | None]


class KeyedConnections:
    """Connections by their key and secret.

    Those of a key that is revoked end at once, those of one that expires when it does. A key that is rotated keeps those of its old
    secret until the overlap has passed.
    """

    def __init__(self, authority: KeyAuthority, clock: Clock) -> None:
        self._authority, self._clock = authority, clock
        self._groups: dict[_Group, tuple[Principal, dict[ClientConnection, None]]] = {}
        self._ending: set[asyncio.Task[None]] = set()
        self.ended: dict[Ending, int] = dict.fromkeys(
            (Ending.REVOKED, Ending.EXPIRED, Ending.KEYS_UNCONFIRMED), 0
        )
        """Connections that ended with their keys so far, by the cause."""
        authority.on_changed.append(self._renew)
        authority.on_cut_off.append(self._end_all)

    def __len__(self) -> int:
        return sum(len(connections) for _, connections in self._groups.values())

    def count_by_plan(self) -> Counter[str]:
        """Count the open connections of keys and tokens by their plans."""
        counts: Counter[str] = Counter()
        for principal, connections in self._groups.values():
            counts[principal.plan] += len(connections)
        return counts

    def add(self, connection: ClientConnection) -> None:
        """Add a connection, whose key may have changed since it was verified.

        Raises:
            Unauthenticated: the key ended meanwhile.
            AccessUnavailable: nobody can tell.
        """
        principal = connection.principal
        if principal.key_id is None:
            return
        if principal.is_revocable:
            if self._authority.is_cut_off:
                raise AccessUnavailable("keys cannot be verified at present: try again")
            renewed = self._authority.keys.renew(principal)
            if renewed is None:
                raise Unauthenticated(DenialReason.REVOKED)
            connection.principal = principal = renewed
        group = self._groups.setdefault(_group_of(principal), (principal, {}))
        group[1][connection] = None

    def discard(self, connection: ClientConnection) -> None:
        """Remove a connection that has ended."""
        key = _group_of(connection.principal)
        group = self._groups.get(key)
        if group is not None:
            group[1].pop(connection, None)
            if not group[1]:
                del self._groups[key]

    async def run(self) -> None:
        """End connections whose keys or tokens expire, until cancelled."""
        while True:
            now = self._clock()
            for key, (principal, connections) in list(self._groups.items()):
                if not is_current(principal, now):
                    del self._groups[key]
                    self._end(connections, Ending.EXPIRED)
            await asyncio.sleep(EXPIRY_POLL_S)

    def _renew(self, key_id: str) -> None:
        """Take the change of a key: other times of its end, or its revocation."""
        for key, (principal, connections) in list(self._groups.items()):
            if key[0] != key_id:
                continue
            renewed = self._authority.keys.renew(principal)
            if renewed is None:
                del self._groups[key]
                self._end(connections, Ending.REVOKED)
            else:
                for connection in connections:
                    connection.principal = renewed
                self._groups[key] = renewed, connections

    def _end_all(self) -> None:
        """End all connections of keys that can be revoked: nobody knows whether they were."""
        for key, (principal, connections) in list(self._groups.items()):
            if principal.is_revocable:
                del self._groups[key]
                self._end(connections, Ending.KEYS_UNCONFIRMED)

    def _end(self, connections: Iterable[ClientConnection], ending: Ending) -> None:
        for connection in connections:
            self.ended[ending] += 1
            task = asyncio.create_task(connection.end(ending))
            self._ending.add(task)
            task.add_done_callback(self._ending.discard)


def _group_of(principal: Principal) -> _Group:
    return principal.key_id or "", principal.credential
