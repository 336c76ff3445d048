"""Selects one of several URLs of a source. Pure; times are monotonic seconds."""

from collections import Counter
from collections.abc import Sequence

FAILURES_BEFORE_NEXT = 3


class EndpointSelector:
    """URLs in order of preference.

    One that failed too often is skipped for `rest_s`, then tried once.
    """

    def __init__(self, urls: Sequence[str], *, rest_s: float) -> None:
        self._urls = tuple(urls)
        self._rest_s = rest_s
        self._failures: Counter[str] = Counter()
        self._skipped_until: dict[str, float] = {}

    def choose(self, now: float) -> str:
        """Return the preferred URL that is not skipped, or else the one skipped for longest."""
        usable = [url for url in self._urls if self._skipped_until.get(url, now) <= now]
        return usable[0] if usable else min(self._urls, key=lambda url: self._skipped_until[url])

    def has_better(self, url: str, now: float) -> bool:
        """Return whether a URL that is preferred to `url` may be tried again."""
        return self._urls.index(self.choose(now)) < self._urls.index(url)

    def record_failure(self, url: str, now: float, *, is_final: bool = False) -> None:
        """Count a failed connection.

        `is_final`: another attempt would fail as well, so skip it at once.
        """
        self._failures[url] += 1
        # A URL that was skipped before gets one attempt, not three.
        if is_final or url in self._skipped_until or self._failures[url] >= FAILURES_BEFORE_NEXT:
            self._skipped_until[url] = now + self._rest_s

    def record_success(self, url: str) -> None:
        """Forget the failures of a URL that works."""
        self._failures.pop(url, None)
        self._skipped_until.pop(url, None)
