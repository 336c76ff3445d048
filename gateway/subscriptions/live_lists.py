"""Live lists of consensuses and of conversions, over answers that the lists share."""

from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from typing import Any, TypeVar
from weakref import WeakValueDictionary

from gateway.queries.consensus.query import ConsensusQuery
from gateway.queries.consensus.rates_query import ConsensusRatesQuery, check_consensus_rates
from gateway.queries.consensus.reader import ConsensusReader
from gateway.queries.conversion.conversions_query import ConversionsQuery, check_conversions
from gateway.queries.conversion.converter import Converter
from gateway.queries.conversion.query import ConversionQuery
from gateway.queries.rate import UnavailableRate
from gateway.queries.rate_reader import NEAR_LOOKUPS
from gateway.subscriptions.answers_cohort import AnswersCohort, LiveAnswersQuery
from gateway.subscriptions.answers_event import AnswersEvent
from gateway.subscriptions.cohort import FanOut, PayloadEncoder, Subscriber
from gateway.subscriptions.delivery_options import DeliveryOptions
from gateway.subscriptions.live_answer import ComputedAnswer, LiveAnswer
from gateway.subscriptions.live_consensus import LiveConsensus
from gateway.subscriptions.live_conversion import LiveConversion, LiveRoute
from gateway.subscriptions.live_query_registry import LiveQueryRegistry
from rates.clock import Clock
from rates.source import Source

PayloadT = TypeVar("PayloadT")
ComputedT = TypeVar("ComputedT", bound=ComputedAnswer[Any])
ListQuery = ConsensusRatesQuery | ConversionsQuery | ConversionQuery
"""A query of a list; `ConversionQuery` stands for a list of one, whose subscribers take the value out of its events."""


class LiveLists:
    """All live lists of a gateway, and their answers: those without lists are removed."""

    def __init__(
        self,
        fan_out: FanOut,
        registry: LiveQueryRegistry,
        consensus: ConsensusReader,
        converter: Converter,
        *,
        preference: Sequence[Source],
        clock: Clock,
    ) -> None:
        self._fan_out = fan_out
        self._registry = registry
        self._consensus = consensus
        self._converter = converter
        self._preference = tuple(preference)
        self._clock = clock
        self._computed: WeakValueDictionary[ConsensusQuery | ConversionQuery, ComputedAnswer[Any]] = (
            WeakValueDictionary()
        )
        self._conversions: WeakValueDictionary[tuple[str, ConversionQuery], LiveConversion] = (
            WeakValueDictionary()
        )

    @property
    def computed_answers(self) -> Iterator[ComputedAnswer[Any]]:
        """The different consensuses and routes in all lists."""
        return iter(self._computed.values())

    def check(self, query: ListQuery) -> None:
        """Raise what `subscribe` would raise, but for the limits of the process.

        Raises:
            InvalidArgument: the list is empty or too long, or an argument is out of range.
            UnknownAsset, NotTrading, NoConversionPath: of a single conversion.
        """
        match query:
            case ConsensusRatesQuery():
                check_consensus_rates(query)
            case ConversionsQuery():
                check_conversions(query)
            case ConversionQuery():
                self._converter.check(query)

    def subscribe(
        self,
        query: ListQuery,
        options: DeliveryOptions,
        encoder: PayloadEncoder[AnswersEvent, PayloadT],
        subscriber: Subscriber[PayloadT],
    ) -> None:
        """Deliver the list, then what changes in it. The query has been checked.

        Raises:
            TooManyLiveQueries: a limit of the process is reached.
        """
        text = str(query.amount) if isinstance(query, ConversionQuery) else ""
        live_query = self._registry.get_or_create(
            (encoder, query, text, options), lambda: self._make_live_query(query, options, encoder)
        )
        cohort = AnswersCohort(self._fan_out, live_query)
        cohort.register(subscriber)
        cohort.open()

    def invalidate(self) -> None:
        """Compute every answer anew: the tracked instruments have changed."""
        for answer in list(self._computed.values()):
            answer.invalidate()

    def _make_live_query(
        self, query: ListQuery, options: DeliveryOptions, encoder: PayloadEncoder[AnswersEvent, PayloadT]
    ) -> LiveAnswersQuery[PayloadT]:
        if isinstance(query, ConsensusRatesQuery):
            answers: Iterable[LiveAnswer] = map(self._find_consensus, query.queries)
            return LiveAnswersQuery(answers, options, encoder, self._explain_unknown_in(query))
        wanted = query.queries if isinstance(query, ConversionsQuery) else (query,)
        return LiveAnswersQuery(map(self._find_conversion, wanted), options, encoder)

    def _explain_unknown_in(self, query: ConsensusRatesQuery) -> Any:
        queries = {each.symbol: each for each in query.queries}

        def explain(unknown: tuple[UnavailableRate, ...]) -> tuple[UnavailableRate, ...]:
            return self._consensus.explain_unknown(
                [queries[each.symbol] for each in unknown], lookups=NEAR_LOOKUPS
            )

        return explain

    def _find_consensus(self, query: ConsensusQuery) -> LiveAnswer:
        known = self._computed.get(query)
        if known is None:
            known = LiveConsensus(
                query, self._consensus, self._fan_out.registry, self._clock, preference=self._preference
            )
            self._computed[query] = known
        return known

    def _find_conversion(self, query: ConversionQuery) -> LiveAnswer:
        key = str(query.amount), query
        known = self._conversions.get(key)
        if known is None:
            known = self._conversions[key] = LiveConversion(query, self._find_route(query))
        return known

    def _find_route(self, query: ConversionQuery) -> LiveRoute:
        key = query._replace(amount=Decimal(1))
        known = self._computed.get(key)
        if not isinstance(known, LiveRoute):
            known = LiveRoute(
                key, self._converter, self._fan_out.registry, self._clock, preference=self._preference
            )
            self._computed[key] = known
        return known
