"""Which of several addresses of a source to try: the first that has not failed lately. Pure; times are steady seconds."""

from collections import Counter
from collections.abc import Sequence

FAILURES_BEFORE_NEXT = 3


class EndpointSelector:
    """Addresses in order of preference. One that failed too often rests for `rest_s` and is then tried again, once."""

    def __init__(self, urls: Sequence[str], *, rest_s: float) -> None:
        self._urls = tuple(urls)
        self._rest_s = rest_s
        self._failures: Counter[str] = Counter()
        self._rests_until: dict[str, float] = {}

    def choose(self, now: float) -> str:
        """The preferred one of those that do not rest; when all do, the one that has rested longest."""
        rested = [url for url in self._urls if self._rests_until.get(url, now) <= now]
        return rested[0] if rested else min(self._urls, key=lambda url: self._rests_until[url])

    def has_better(self, url: str, now: float) -> bool:
        """Whether an address that is preferred to `url` may be tried again."""
        return self._urls.index(self.choose(now)) < self._urls.index(url)

    def record_failure(self, url: str, now: float, *, at_once: bool = False) -> None:
        """A connection to it failed; `at_once`: trying it again would change nothing."""
        self._failures[url] += 1
        # Whoever has rested before gets one try, not three.
        if at_once or url in self._rests_until or self._failures[url] >= FAILURES_BEFORE_NEXT:
            self._rests_until[url] = now + self._rest_s

    def record_success(self, url: str) -> None:
        """It works."""
        self._failures.pop(url, None)
        self._rests_until.pop(url, None)
