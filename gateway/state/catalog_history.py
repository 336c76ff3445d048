"""A bounded history of catalog changes, read by resumed subscriptions."""

import hashlib
from collections import deque
from collections.abc import Iterable, Mapping

from rates.ticker import TickerKey

# Number of versions kept, about 120 bytes each; a subscriber with a cursor of an older one gets a GAP.
HISTORY_LENGTH = 10_000
# Number of changes that outlive the process: replaying one takes half a millisecond.
REPLAYED_LENGTH = 500

States = Mapping[TickerKey, bool]
"""The tracked instruments, and whether each is available."""
Changes = Mapping[TickerKey, bool | None]
"""The new states of changed instruments; `None` for those tracked no more."""


class CatalogHistory:
    """The changes of the set of tracked instruments and of their halts.

    The version is a hash of both, equal on all replicas that track the same. `changed_since` takes time in proportion to the number
    of changes since the given version, and returns at once where the history does not contain that version.
    """

    def __init__(self) -> None:
        self._states: States = {}
        self._first: dict[TickerKey, bool] = {}
        self._changes: deque[Changes] = deque()
        self._count = 0
        # Per instrument, the number of its last change; in that order.
        self._changed_at: dict[TickerKey, int] = {}
        # Per version, the number of the change that made it; in the order in which they ended.
        self._made_at: dict[str, int] = {}
        self.version = _hash_states({})

    def record(self, tracked: Iterable[TickerKey], halted: Iterable[TickerKey] = ()) -> frozenset[TickerKey]:
        """Record the tracked and the halted instruments; return those whose state has changed."""
        now = {**dict.fromkeys(tracked, True), **dict.fromkeys(halted, False)}
        before = self._states
        changed = frozenset(key for key in now.keys() | before.keys() if now.get(key) is not before.get(key))
        if changed:
            self._made_at.pop(self.version, None)
            self._made_at[self.version] = self._count
            self._count += 1
            for key in changed:
                self._changed_at.pop(key, None)
                self._changed_at[key] = self._count
            self._changes.append({key: now.get(key) for key in changed})
            self._states, self.version = now, _hash_states(now)
            self._forget_oldest()
        return changed

    @property
    def recent(self) -> tuple[States, tuple[Changes, ...]]:
        """The states before the last `REPLAYED_LENGTH` changes, and these changes, in order."""
        return self._first, tuple(self._changes)

    def replay(self, first: States, changes: Iterable[Changes]) -> None:
        """Record what another process has recorded before."""
        now = dict(first)
        self._record_states(now)
        for each in changes:
            apply(now, each)
            self._record_states(now)

    def _record_states(self, states: States) -> None:
        self.record(
            [key for key, trades in states.items() if trades],
            [key for key, trades in states.items() if not trades],
        )

    def changed_since(self, version: str) -> frozenset[TickerKey] | None:
        """Every instrument changed since `version`; `None` if that version is not in the history."""
        if version == self.version:
            return frozenset()
        made_at = self._made_at.get(version)
        if made_at is None:
            return None
        changed = []
        for key in reversed(self._changed_at):
            if self._changed_at[key] <= made_at:
                break
            changed.append(key)
        return frozenset(changed)

    def _forget_oldest(self) -> None:
        while len(self._changes) > REPLAYED_LENGTH:
            apply(self._first, self._changes.popleft())
        if len(self._made_at) <= HISTORY_LENGTH:
            return
        del self._made_at[next(iter(self._made_at))]
        oldest = next(iter(self._made_at.values()))
        while self._changed_at and self._changed_at[key := next(iter(self._changed_at))] <= oldest:
            del self._changed_at[key]


def apply(states: dict[TickerKey, bool], changes: Changes) -> None:
    """Change the states."""
    for key, trades in changes.items():
        if trades is None:
            states.pop(key, None)
        else:
            states[key] = trades


def _hash_states(states: Mapping[TickerKey, bool]) -> str:
    names = sorted(
        f"{key.source}:{key.symbol}{'' if trades else ' halted'}" for key, trades in states.items()
    )
    return hashlib.blake2s("\n".join(names).encode(), digest_size=6).hexdigest()
