"""What the simulator really published: the prices of each symbol, and when it said them last."""

import time
from collections import OrderedDict
from decimal import Decimal, InvalidOperation

PRICES_KEPT = 2_000


class PublishedPrices:
    """The last prices of each source's symbols."""

    def __init__(self) -> None:
        self._published: dict[tuple[str, str], OrderedDict[Decimal, float]] = {}

    def note(self, source: str, symbol: str, price: str) -> None:
        """A price left the simulator."""
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
        """When a price was said last, as Unix time; None if never."""
        summary = self._published.get((source, symbol))
        return None if summary is None else summary.get(price)
