"""Results of queries on the fast path, byte-equal to those of the executor."""

from contextlib import suppress

from graphql import GraphQLError, GraphQLSchema

from gateway.fastpath.encoded_history import EncodedHistory, HistoryAnswer, HistoryQuery
from gateway.fastpath.entities import EntityEncoder
from gateway.fastpath.new_rates import NewRatesArgs, RatesArgs
from gateway.fastpath.plan import PlannedField, QueryPlan, RateArgs
from gateway.fastpath.repeated_list import RepeatedListQuery
from gateway.fastpath.response_encoder import ResponseEncoder
from gateway.fastpath.selection import NotOnFastPath, Selection
from gateway.fastpath.single_rate import SingleRateQuery
from gateway.queries.candles.query import CandlesQuery
from gateway.queries.candles.reader import CandlesReader
from gateway.queries.consensus_candles.query import ConsensusCandlesQuery
from gateway.queries.history_readers import HistoryReaders
from gateway.queries.rate import RateList
from gateway.queries.rate_reader import RateReader
from gateway.queries.rates_query import OnStale
from gateway.queries.summaries.query import SummariesQuery
from gateway.queries.summaries.summary import SummaryList
from gateway.schema.context import OperationMetadata
from rates.errors import RatesError

END = b"}}"


class FastPathQueries:
    """Executes query plans."""

    def __init__(
        self,
        schema: GraphQLSchema,
        rates: RateReader,
        candles: CandlesReader,
        history: HistoryReaders,
        encoder: ResponseEncoder,
    ) -> None:
        assert schema.query_type
        self._typename = b'"%b"' % schema.query_type.name.encode()
        self._rates = rates
        self._candles = candles
        self._summaries = history.summaries
        self._consensus_candles = history.consensus_candles
        self._encoder = encoder
        self._encoded = EncodedHistory(encoder)
        self._entities = EntityEncoder(rates, encoder)

    async def load(self, plan: QueryPlan) -> None:
        """Read what the plan needs of the history. What cannot be read, the executor reports."""
        for field in plan:
            with suppress(RatesError):
                if isinstance(field.args, CandlesQuery):
                    await self._candles.read(field.args)
                elif isinstance(field.args, SummariesQuery):
                    await self._summaries.read(field.args)
                elif isinstance(field.args, ConsensusCandlesQuery):
                    await self._consensus_candles.read(field.args)

    def answer(self, plan: QueryPlan, metadata: OperationMetadata | None) -> bytes | None:
        """Return the result, or `None` if it has an error, which the executor reports.

        Updates `metadata`, if given; without it the query is cheaper.
        """
        chunks = self.chunks(plan, metadata)
        return None if chunks is None else b"".join(chunks)

    def is_encoded_list(self, plan: QueryPlan) -> bool:
        """Tell whether the plan is one list that is encoded, but for what has changed since."""
        repeated = plan[0].repeated
        return (
            len(plan) == 1
            and isinstance(repeated, RepeatedListQuery)
            and repeated.is_kept(self._encoder.catalog.revision)
        )

    def chunks(self, plan: QueryPlan, metadata: OperationMetadata | None = None) -> list[bytes] | None:
        """Return the result of `answer` in chunks, without copying long lists."""
        if not plan:
            # Nothing is selected: all fields are skipped.
            return None
        collected = OperationMetadata() if metadata is not None else None
        chunks: list[bytes] = []
        try:
            if collected is None and len(plan) == 1 and (repeated := plan[0].repeated) is not None:
                # Most queries, with fewer calls.
                found = repeated.chunks(self._rates, self._encoder)
                if found is not None:
                    return [plan[0].before, *found, END]
            for field in plan:
                chunks.append(field.before)
                self._append(chunks, field, collected)
        except (NotOnFastPath, GraphQLError, RatesError):
            return None
        if metadata is not None and collected is not None:
            metadata.fresh_for = collected.fresh_for
        chunks.append(END)
        return chunks

    def _append(self, chunks: list[bytes], field: PlannedField, metadata: OperationMetadata | None) -> None:
        if metadata is None and field.repeated is not None:
            found = field.repeated.chunks(self._rates, self._encoder)
            if found is not None:
                chunks += found
                return
        if isinstance(field.args, (NewRatesArgs, RatesArgs)):
            chunks += self._encode_rates(field, field.args, metadata)
        elif field.args is None:
            chunks.append(self._typename)
        elif isinstance(field.args, RateArgs):
            chunks.append(self._encode_rate(field, field.args, metadata))
        elif isinstance(field.args, CandlesQuery | ConsensusCandlesQuery | SummariesQuery):
            chunks.append(self._encode_history(field, field.args, metadata))
        else:
            assert field.field.inside is not None
            chunks.append(self._entities.encode(field.field.inside, field.args, metadata))

    def _encode_rates(
        self, field: PlannedField, args: RatesArgs | NewRatesArgs, metadata: OperationMetadata | None
    ) -> list[bytes]:
        selection = field.field.inside
        assert selection is not None
        if isinstance(args, NewRatesArgs):
            chunks = self._encode_new_list(selection, args)
            if chunks is not None:
                return chunks
            args = args.read()
        elif not field.is_new:
            chunks = self._encode_cached_list(selection, args, metadata, field.repeated)
            if chunks is not None:
                return chunks
        return self._encode_list(selection, args, metadata)

    def _encode_history(
        self, field: PlannedField, query: HistoryQuery, metadata: OperationMetadata | None
    ) -> bytes:
        """Encode what `load` has read, if it is still in memory."""
        found = self._find(query)
        if found is None:
            raise NotOnFastPath
        if metadata is not None:
            lasts = found.until - self._rates.now() if isinstance(found, SummaryList) else found.lasts
            metadata.note_fresh_for(lasts)
        assert field.field.inside is not None
        return self._encoded.encode(field.field.inside, query, found)

    def _find(self, query: HistoryQuery) -> HistoryAnswer | None:
        match query:
            case CandlesQuery():
                return self._candles.find(query)
            case ConsensusCandlesQuery():
                return self._consensus_candles.find(query)
            case SummariesQuery():
                return self._summaries.find(query)

    def _encode_rate(self, field: PlannedField, args: RateArgs, metadata: OperationMetadata | None) -> bytes:
        assert field.field.inside is not None
        rate = self._rates.rate(*args)
        if rate is None:
            return b"null"
        if metadata is not None:
            metadata.note_rates([rate], args.policy)
        return self._encoder.encode_rate(field.field.inside, rate)

    def _encode_list(
        self, selection: Selection, args: RatesArgs, metadata: OperationMetadata | None
    ) -> list[bytes]:
        answer = self._rates.rates(*args)
        if metadata is not None:
            metadata.note_rates(answer.items, args.policy)
        return self._encoder.object_encoder(selection).chunks(
            answer, lambda inside: self._encoder.encode_rates(inside, answer.items)
        )

    def _encode_new_list(self, selection: Selection, args: NewRatesArgs) -> list[bytes] | None:
        """Return the result from encoded rates, or `None` if some are missing or ages decide."""
        (texts, _), sources, policy = args
        if policy.on_stale is not OnStale.RETURN:
            return None
        rates, object_encoder = self._rates, self._encoder.object_encoder(selection)
        rates.check_loaded()
        rates.check_symbol_count(len(texts))
        slots = rates.served_slots.find(texts, sources)
        if slots is None:
            return None
        now = rates.now()
        items: dict[Selection, bytes] = {}
        for inside in object_encoder.item_selections:
            encoded = self._encoder.encode_slots(inside, slots, now)
            if encoded is None:
                return None
            items[inside] = encoded
        cursor = rates.cursor() if "cursor" in object_encoder.attributes else ""
        return object_encoder.chunks(RateList((), (), cursor, now), items.__getitem__)

    def _encode_cached_list(
        self,
        selection: Selection,
        args: RatesArgs,
        metadata: OperationMetadata | None,
        repeated: SingleRateQuery | RepeatedListQuery | None,
    ) -> list[bytes] | None:
        """Return the result from a cached list, or `None` if ages decide which rates are in it."""
        query, policy = args
        if policy.on_stale is not OnStale.RETURN or (
            metadata is not None and (policy.max_age is not None or policy.max_trade_age is not None)
        ):
            return None
        rates, object_encoder = self._rates, self._encoder.object_encoder(selection)
        if not object_encoder.item_selections:
            return None
        rates.check_loaded()
        rates.check_query(query)
        now = rates.now()
        items: dict[Selection, bytes] = {}
        is_complete = True
        for inside in object_encoder.item_selections:
            encoded_list = self._encoder.refresh_list(inside, query, now)
            items[inside] = encoded_list.encoded
            is_complete = is_complete and encoded_list.is_complete
            if metadata is not None and encoded_list.fresh_for is not None:
                metadata.note_fresh_for(encoded_list.fresh_for)
        tells_all = is_complete or "unavailable" not in object_encoder.attributes
        unavailable = () if tells_all else rates.unavailable(query)
        cursor = rates.cursor() if "cursor" in object_encoder.attributes else ""
        chunks = object_encoder.chunks(RateList((), unavailable, cursor, now), items.__getitem__)
        if isinstance(repeated, RepeatedListQuery) and len(object_encoder.item_selections) == 1:
            repeated.keep(encoded_list, chunks, is_alone=not object_encoder.attributes)
        return chunks
