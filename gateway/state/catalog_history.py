"""Which instruments were answered when, a bounded number of changes back, so that a reader that comes back is told of both."""

import hashlib
from collections import deque
from collections.abc import Iterable, Mapping

from rates.ticker import TickerKey

# Changes that are remembered; a reader that missed more gets a GAP.
HISTORY_LENGTH = 1_000


class CatalogHistory:
    """The changes of a set of instruments and of which of them are halted. A version names both: it is the same on every
    replica that tracks the same.
    """

    def __init__(self) -> None:
        self._states: dict[TickerKey, bool] = {}
        self._changes: deque[tuple[str, frozenset[TickerKey]]] = deque(maxlen=HISTORY_LENGTH)
        self.version = _fingerprint({})

    def note(self, tracked: Iterable[TickerKey], halted: Iterable[TickerKey] = ()) -> frozenset[TickerKey]:
        """These are tracked now, and those tracked and halted; returns all that are not as they were before."""
        now = {**dict.fromkeys(tracked, True), **dict.fromkeys(halted, False)}
        before = self._states
        changed = frozenset(key for key in now.keys() | before.keys() if now.get(key) is not before.get(key))
        if changed:
            self._changes.append((self.version, changed))
            self._states, self.version = now, _fingerprint(now)
        return changed

    def changed_since(self, version: str) -> frozenset[TickerKey] | None:
        """Every instrument added, removed, halted or resumed since then; `None` if this process never was at that version, or forgot."""
        changed: frozenset[TickerKey] = frozenset()
        if version == self.version:
            return changed
        for before, keys in reversed(self._changes):
            changed |= keys
            if before == version:
                return changed
        return None


def _fingerprint(states: Mapping[TickerKey, bool]) -> str:
    names = sorted(
        f"{key.source}:{key.symbol}{'' if trades else ' halted'}" for key, trades in states.items()
    )
    return hashlib.blake2s("\n".join(names).encode(), digest_size=6).hexdigest()
