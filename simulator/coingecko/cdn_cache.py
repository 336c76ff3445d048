"""The CDN cache in front of CoinGecko: caches answers and adds their age [exchanges.md 2.3].

Pure.
"""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from simulator.nanotime import SECOND

MAX_ENTRIES = 256


@dataclass(frozen=True, slots=True)
class CachedAnswer:
    """An answer of the CDN; `age_seconds` is None if it was fetched now."""

    body: str
    status: str
    age_seconds: int | None


class CdnCache:
    """Cached answers by URL, each for its `s-maxage`."""

    def __init__(self) -> None:
        self._copies: OrderedDict[str, tuple[int, str]] = OrderedDict()

    def clear(self) -> None:
        """Remove all entries."""
        self._copies.clear()

    def fetch(self, address: str, origin: Callable[[], str], ttl_seconds: int, now_ns: int) -> CachedAnswer:
        """Return the cached answer if it is young enough, else a new one from the origin."""
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
