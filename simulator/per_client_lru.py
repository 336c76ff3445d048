"""A bounded map with one value per client; the least recently used entry is evicted."""

from collections import OrderedDict
from typing import Generic, TypeVar

MAX_CLIENTS = 1000

T = TypeVar("T")


class PerClientLru(Generic[T]):
    """One value per client, bounded, so that memory stays constant over a long run."""

    def __init__(self) -> None:
        self._values: OrderedDict[str, T] = OrderedDict()

    def get(self, client: str, new: T) -> T:
        """Return the client's value, storing `new` for an unknown client."""
        value = self._values.setdefault(client, new)
        self._values.move_to_end(client)
        if len(self._values) > MAX_CLIENTS:
            self._values.popitem(last=False)
        return value
