"""Interface for observing the prices that the simulator publishes."""

from typing import Protocol


class PriceObserver(Protocol):
    """Receives every published price."""

    def on_price(self, source: str, symbol: str, price: str) -> None:
        """Record a price published by a source, under the source's own symbol."""


class NullPriceObserver:
    """An observer that ignores all prices."""

    def on_price(self, source: str, symbol: str, price: str) -> None:
        """Ignore the price."""
