"""A value per client, for a bounded number of clients: the longest unseen is forgotten first."""

from collections import OrderedDict
from typing import Generic, TypeVar

MAX_CLIENTS = 1000

T = TypeVar("T")


class PerClientLru(Generic[T]):
    """A value per client, so that a simulator left running does not grow."""

    def __init__(self) -> None:
        self._values: OrderedDict[str, T] = OrderedDict()

    def get(self, client: str, new: T) -> T:
        """The value of a client; `new` is taken for one not seen before."""
        value = self._values.setdefault(client, new)
        self._values.move_to_end(client)
        if len(self._values) > MAX_CLIENTS:
            self._values.popitem(last=False)
        return value
