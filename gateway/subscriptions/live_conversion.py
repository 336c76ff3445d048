"""Conversions in live lists: one route serves all amounts."""

from collections.abc import Sequence
from datetime import datetime

from gateway.queries.conversion.conversion import Conversion
from gateway.queries.conversion.conversions_query import UnavailableConversion
from gateway.queries.conversion.converter import Converter
from gateway.queries.conversion.found_route import FoundRoute, answer_with
from gateway.queries.conversion.query import ConversionQuery, find_invalid_amount
from gateway.subscriptions.instrument_filter import InstrumentFilter
from gateway.subscriptions.live_answer import AnswerReading, ComputedAnswer, LiveAnswer
from gateway.subscriptions.registry import SubscriptionRegistry
from rates.clock import Clock
from rates.source import Source


class LiveRoute(ComputedAnswer[FoundRoute]):
    """The route between two assets. It follows the symbols whose rates have decided."""

    __slots__ = ("_converter", "_sources", "query")

    def __init__(
        self,
        query: ConversionQuery,
        converter: Converter,
        registry: SubscriptionRegistry,
        clock: Clock,
        *,
        preference: Sequence[Source],
    ) -> None:
        super().__init__(registry, clock)
        self.query = query
        self._converter = converter
        self._sources = frozenset(query.sources or preference)

    @property
    def rate_count(self) -> int:
        return self.query.max_legs

    def _compute(self, now: datetime) -> FoundRoute:
        return self._converter.find_route(self.query, now)

    def _restate(self, value: FoundRoute, now: datetime) -> FoundRoute:
        return value.at(now)

    def _describe(self, value: FoundRoute) -> tuple[tuple[object, ...], bool, datetime | None]:
        next_change_at = None if value.finder is None else value.finder.next_change_at
        return value.said(self.query.policy), value.error is None, next_change_at

    def _instruments_of(self, value: FoundRoute) -> InstrumentFilter:
        symbols = frozenset() if value.finder is None else value.finder.symbols
        return InstrumentFilter(symbols, self._sources)


class LiveConversion(LiveAnswer):
    """An amount along a live route."""

    __slots__ = ("_query", "_route")

    def __init__(self, query: ConversionQuery, route: LiveRoute) -> None:
        super().__init__()
        self._query = query
        self._route = route

    @property
    def update_count(self) -> int:
        return self._route.update_count

    @property
    def rate_count(self) -> int:
        return self._route.rate_count

    def read(self, now: datetime) -> AnswerReading:
        self._is_announced = False
        if (error := find_invalid_amount(self._query)) is not None:
            unavailable = UnavailableConversion.of(self._query, error)
            return AnswerReading(self, unavailable, (str(error),), is_available=False)
        route = self._route.read(now)
        value = answer_with(self._query, route.value)
        return AnswerReading(self, value, route.said, isinstance(value, Conversion))

    def mark_changed(self, _answer: LiveAnswer) -> None:
        """Announce that the route may be another."""
        self._announce()

    def _start(self) -> None:
        self._route.watch(self)

    def _stop(self) -> None:
        self._route.unwatch(self)
