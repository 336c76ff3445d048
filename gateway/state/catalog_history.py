"""A bounded history of catalog changes, read by resumed subscriptions."""

import hashlib
from collections import deque
from collections.abc import Iterable, Mapping

from rates.ticker import TickerKey

# Number of changes kept; a subscriber that missed more gets a GAP.
HISTORY_LENGTH = 1_000


class CatalogHistory:
    """The changes of the set of tracked instruments and of their halts.

    The version is a hash of both, equal on all replicas
    that track the same.
    """

    def __init__(self) -> None:
        self._states: dict[TickerKey, bool] = {}
        self._changes: deque[tuple[str, frozenset[TickerKey]]] = deque(maxlen=HISTORY_LENGTH)
        self.version = _hash_states({})

    def record(self, tracked: Iterable[TickerKey], halted: Iterable[TickerKey] = ()) -> frozenset[TickerKey]:
        """Record the tracked and the halted instruments; return those whose state has changed."""
        now = {**dict.fromkeys(tracked, True), **dict.fromkeys(halted, False)}
        before = self._states
        changed = frozenset(key for key in now.keys() | before.keys() if now.get(key) is not before.get(key))
        if changed:
            self._changes.append((self.version, changed))
            self._states, self.version = now, _hash_states(now)
        return changed

    def changed_since(self, version: str) -> frozenset[TickerKey] | None:
        """Every instrument changed since `version`; `None` if that version is not in the history."""
        changed: frozenset[TickerKey] = frozenset()
        if version == self.version:
            return changed
        for before, keys in reversed(self._changes):
            changed |= keys
            if before == version:
                return changed
        return None


def _hash_states(states: Mapping[TickerKey, bool]) -> str:
    names = sorted(
        f"{key.source}:{key.symbol}{'' if trades else ' halted'}" for key, trades in states.items()
    )
    return hashlib.blake2s("\n".join(names).encode(), digest_size=6).hexdigest()
