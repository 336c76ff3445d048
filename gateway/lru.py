"""A least recently used cache bounded in entries and bytes, and a filter before it."""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

KeyT = TypeVar("KeyT", bound=Hashable)
ValueT = TypeVar("ValueT")


class BoundedLru(Generic[KeyT, ValueT]):
    """A cache of at most `size` entries and `weight` in total, as measured by `weigh` on `put`."""

    def __init__(
        self, *, size: int, weight: int = 0, weigh: Callable[[KeyT, ValueT], int] = lambda _, __: 0
    ) -> None:
        self._size = size
        self._weight = weight
        self._weigh = weigh
        self._values: OrderedDict[KeyT, ValueT] = OrderedDict()
        self._weights: dict[KeyT, int] = {}
        self._total = 0

    def __len__(self) -> int:
        return len(self._values)

    @property
    def total(self) -> int:
        """The weight of all entries."""
        return self._total

    def get(self, key: KeyT) -> ValueT | None:
        """Return the value, and mark it as the most recently used."""
        value = self._values.get(key)
        if value is not None:
            self._values.move_to_end(key)
        return value

    def clear(self) -> None:
        """Drop all entries."""
        self._values.clear()
        self._weights.clear()
        self._total = 0

    def put(self, key: KeyT, value: ValueT) -> None:
        """Store a value, or weigh it again, and drop the oldest ones until the bounds hold.

        One that is heavier than all may be is not stored, and drops no other.
        """
        weight = self._weigh(key, value)
        if weight > self._weight > 0:
            self._values.pop(key, None)
            self._total -= self._weights.pop(key, 0)
            return
        self._total += weight - self._weights.get(key, 0)
        self._values[key], self._weights[key] = value, weight
        self._values.move_to_end(key)
        while len(self._values) > self._size or self._total > self._weight > 0:
            oldest, _ = self._values.popitem(last=False)
            self._total -= self._weights.pop(oldest)


class Interner(Generic[KeyT]):
    """Returns the first of equal values, which other caches then compare in one step.

    It remembers the last `size` values, of at most `weight` in total.
    """

    def __init__(self, size: int, *, weight: int = 0, weigh: Callable[[KeyT], int] = lambda _: 0) -> None:
        self._values: BoundedLru[KeyT, KeyT] = BoundedLru(
            size=size, weight=weight, weigh=lambda value, _: weigh(value)
        )

    def intern(self, value: KeyT) -> KeyT:
        """Return the first equal value that is still remembered, else this one."""
        first = self._values.get(value)
        if first is None:
            self._values.put(value, value)
            return value
        return first


class SecondSight:
    """Admits a key when it comes again, so that keys that never do replace no others.

    It remembers the hashes of the last `size` keys or more, of at most twice as many.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._recent: set[int] = set()
        self._older: set[int] = set()

    def admits(self, key: Hashable) -> bool:
        """Tell whether the key came before, and remember it."""
        sight = hash(key)
        if self._remembers(sight):
            return True
        if len(self._recent) >= self._size:
            self._older, self._recent = self._recent, set()
        self._recent.add(sight)
        return False

    def has_seen(self, key: Hashable) -> bool:
        """Tell whether the key came before, without remembering it."""
        return self._remembers(hash(key))

    def _remembers(self, sight: int) -> bool:
        return sight in self._recent or sight in self._older
