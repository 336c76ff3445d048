"""Which instruments were tracked when, a bounded number of changes back, so that a reader that comes back is told of both."""

import hashlib
from collections import deque
from collections.abc import Iterable

from rates.ticker import TickerKey

# Changes that are remembered; a reader that missed more gets a GAP.
HISTORY_LENGTH = 1_000


class TrackingHistory:
    """The changes of a set of instruments. A version names a set: the same on every replica that tracks the same."""

    def __init__(self) -> None:
        self._keys: frozenset[TickerKey] = frozenset()
        self._changes: deque[tuple[str, frozenset[TickerKey]]] = deque(maxlen=HISTORY_LENGTH)
        self.version = _fingerprint(())

    def note(self, keys: Iterable[TickerKey]) -> None:
        """These are tracked now."""
        now = frozenset(keys)
        if changed := now ^ self._keys:
            self._changes.append((self.version, changed))
            self._keys, self.version = now, _fingerprint(now)

    def changed_since(self, version: str) -> frozenset[TickerKey] | None:
        """Every instrument added or removed since then; `None` if this process never was at that version, or forgot."""
        changed: frozenset[TickerKey] = frozenset()
        if version == self.version:
            return changed
        for before, keys in reversed(self._changes):
            changed |= keys
            if before == version:
                return changed
        return None


def _fingerprint(keys: Iterable[TickerKey]) -> str:
    names = sorted(f"{key.source}:{key.symbol}" for key in keys)
    return hashlib.blake2s("\n".join(names).encode(), digest_size=6).hexdigest()
