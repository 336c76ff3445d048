"""What the simulator really published: the prices of each symbol, and when it said them last."""

import time
from collections import OrderedDict
from decimal import Decimal, InvalidOperation

PRICES_KEPT = 2_000


class PublishedPrices:
    """The last prices of each source's symbols."""

    def __init__(self) -> None:
        self._said: dict[tuple[str, str], OrderedDict[Decimal, float]] = {}

    def note(self, source: str, symbol: str, price: str) -> None:
        """A price left the simulator."""
        try:
            value = Decimal(price)
        except InvalidOperation:
            return
        said = self._said.setdefault((source, symbol), OrderedDict())
        said[value] = time.time()
        said.move_to_end(value)
        if len(said) > PRICES_KEPT:
            said.popitem(last=False)

    def last_said(self, source: str, symbol: str, price: Decimal) -> float | None:
        """When a price was said last, as Unix time; None if never."""
        said = self._said.get((source, symbol))
        return None if said is None else said.get(price)
