"""The subscriptions of one connection, counted against the limits of its address."""

from gateway.client_limits import ClientLimit


class SubscriptionSlots:
    """Holds a slot for each running subscription, by the id of its operation."""

    __slots__ = ("_address", "_limit", "_taken")

    def __init__(self, limit: ClientLimit, address: str) -> None:
        self._limit = limit
        self._address = address
        self._taken: set[str] = set()

    def take(self, operation: str) -> None:
        """Take a slot.

        Raises:
            ClientLimitReached: there is none.
        """
        self._limit.take(self._address)
        self._taken.add(operation)

    def release(self, operation: str) -> None:
        """Give back the slot of an operation, if it has one."""
        if operation in self._taken:
            self._taken.remove(operation)
            self._limit.release(self._address)

    def release_all(self) -> None:
        """Give back all slots."""
        for operation in list(self._taken):
            self.release(operation)
