"""The cache in front of CoinGecko: it keeps answers for a minute and says how old they are [exchanges.md 2.3]. Pure."""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from simulator.moments import SECOND

COPIES_KEPT = 256


@dataclass(frozen=True, slots=True)
class Copy:
    """An answer as the edge gives it: `age_seconds` None when it was fetched just now."""

    body: str
    status: str
    age_seconds: int | None


class Edge:
    """Copies of answers by address, each for the time the origin allows."""

    def __init__(self) -> None:
        self._copies: OrderedDict[str, tuple[int, str]] = OrderedDict()

    def forget(self) -> None:
        """Keep nothing."""
        self._copies.clear()

    def fetch(self, address: str, origin: Callable[[], str], keep_seconds: int, now_ns: int) -> Copy:
        """The kept copy if it is young enough, else a new one from the origin."""
        if not keep_seconds:
            return Copy(origin(), "DYNAMIC", None)
        kept = self._copies.get(address)
        if kept is not None and now_ns - kept[0] < keep_seconds * SECOND:
            return Copy(kept[1], "HIT", (now_ns - kept[0]) // SECOND)
        body = origin()
        self._copies[address] = (now_ns, body)
        self._copies.move_to_end(address)
        if len(self._copies) > COPIES_KEPT:
            self._copies.popitem(last=False)
        return Copy(body, "MISS" if kept is None else "EXPIRED", None)
