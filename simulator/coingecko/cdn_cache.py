"""The cache in front of CoinGecko: it keeps answers for a minute and says how old they are [exchanges.md 2.3]. Pure."""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from simulator.nanotime import SECOND

MAX_ENTRIES = 256


@dataclass(frozen=True, slots=True)
class CachedAnswer:
    """An answer as the edge gives it: `age_seconds` None when it was fetched just now."""

    body: str
    status: str
    age_seconds: int | None


class CdnCache:
    """Copies of answers by address, each for the time the origin allows."""

    def __init__(self) -> None:
        self._copies: OrderedDict[str, tuple[int, str]] = OrderedDict()

    def forget(self) -> None:
        """Keep nothing."""
        self._copies.clear()

    def fetch(self, address: str, origin: Callable[[], str], ttl_seconds: int, now_ns: int) -> CachedAnswer:
        """The kept copy if it is young enough, else a new one from the origin."""
        if not ttl_seconds:
            return CachedAnswer(origin(), "DYNAMIC", None)
        kept = self._copies.get(address)
        if kept is not None and now_ns - kept[0] < ttl_seconds * SECOND:
            return CachedAnswer(kept[1], "HIT", (now_ns - kept[0]) // SECOND)
        body = origin()
        self._copies[address] = (now_ns, body)
        self._copies.move_to_end(address)
        if len(self._copies) > MAX_ENTRIES:
            self._copies.popitem(last=False)
        return CachedAnswer(body, "MISS" if kept is None else "EXPIRED", None)
