"""Prices that the simulator published, with the time of the last publication."""

import time
from collections import OrderedDict
from decimal import Decimal, InvalidOperation

PRICES_KEPT = 2_000


class PublishedPrices:
    """The recent prices of each source's symbols."""

    def __init__(self) -> None:
        self._published: dict[tuple[str, str], OrderedDict[Decimal, float]] = {}

    def on_price(self, source: str, symbol: str, price: str) -> None:
        """Record a published price."""
        try:
            value = Decimal(price)
        except InvalidOperation:
            return
        summary = self._published.setdefault((source, symbol), OrderedDict())
        summary[value] = time.time()
        summary.move_to_end(value)
        if len(summary) > PRICES_KEPT:
            summary.popitem(last=False)

    def last_published(self, source: str, symbol: str, price: Decimal) -> float | None:
        """The Unix time at which a price was last published; None if never."""
        summary = self._published.get((source, symbol))
        return None if summary is None else summary.get(price)
