"""Who wants to know what the simulator really published."""

from typing import Protocol


class PriceObserver(Protocol):
    """Told of every price that leaves the simulator."""

    def note(self, source: str, symbol: str, price: str) -> None:
        """A source published a price, in its own spelling."""


class NullPriceObserver:
    """Nobody wants to know."""

    def note(self, source: str, symbol: str, price: str) -> None:
        """Nothing."""
