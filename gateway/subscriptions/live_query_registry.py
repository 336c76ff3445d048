"""The different live queries of a process, and the limits on them."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple, TypeVar, cast
from weakref import WeakValueDictionary, finalize

from gateway.subscriptions.cohort import Cohort, LiveQuery
from rates.errors import TooManyLiveQueries

LiveQueryT = TypeVar("LiveQueryT", bound=LiveQuery)


class LiveQueryLimits(NamedTuple):
    """The most live queries, and the most rates in all of them together."""

    queries: int
    rates: int


class LiveQueryRegistry:
    """Live queries by key; those without subscribers are removed."""

    def __init__(self, limits: LiveQueryLimits, count_tracked: Callable[[], int]) -> None:
        self._limits = limits
        self._count_tracked = count_tracked
        self._queries: WeakValueDictionary[tuple[Any, ...], LiveQuery] = WeakValueDictionary()
        self._unshared = 0
        self.rates = 0
        """The rates in all live queries."""
        self.refused = 0

    def __len__(self) -> int:
        return len(self._queries) + self._unshared

    @property
    def is_full(self) -> bool:
        """Whether a further live query may be one too many."""
        rates = self.rates + self._count_tracked()
        return len(self) >= self._limits.queries or rates > self._limits.rates

    def get_or_create(self, key: tuple[Any, ...], create: Callable[[], LiveQueryT]) -> LiveQueryT:
        """The live query of that key, which must determine its type.

        Raises:
            TooManyLiveQueries: it would be one too many.
        """
        query = self._queries.get(key)
        if query is None:
            query = create()
            # With a filter, they are counted for each subscriber.
            rates = 0 if query.options.min_change_bps else query.count_rates(self._count_tracked())
            self._check(rates)
            self._queries[key] = query
            self.rates += rates
            finalize(query, self._release, rates).atexit = False
        return cast("LiveQueryT", query)

    def count_filtered(self, query: LiveQuery, cohort: Cohort[Any]) -> None:
        """Count the rates of a cohort that filters changes for its only subscriber.

        Raises:
            TooManyLiveQueries: they would be too many.
        """
        rates = query.count_rates(self._count_tracked())
        self._check_rates(rates)
        self.rates += rates
        finalize(cohort, self._release, rates).atexit = False

    @contextmanager
    def count_unshared(self, rates: int) -> Iterator[None]:
        """Count a live query that does the work of so many rates for a single subscriber.

        Raises:
            TooManyLiveQueries: it would be one too many.
        """
        self._check(rates)
        self._unshared += 1
        self.rates += rates
        try:
            yield
        finally:
            self._unshared -= 1
            self.rates -= rates

    def _check(self, rates: int) -> None:
        if len(self) >= self._limits.queries:
            self.refused += 1
            raise TooManyLiveQueries("subscriptions", self._limits.queries)
        self._check_rates(rates)

    def _check_rates(self, rates: int) -> None:
        if self.rates + rates > self._limits.rates:
            self.refused += 1
            raise TooManyLiveQueries("rates in subscriptions", self._limits.rates)

    def _release(self, rates: int) -> None:
        self.rates -= rates
