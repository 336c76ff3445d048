"""Answers to queries as bytes, the same to the last one as those of the plain path, at a fraction of its cost."""

from graphql import GraphQLError, GraphQLSchema

from gateway.fastpath.plan import PlannedField, QueryPlan, RateArgs, RatesArgs
from gateway.fastpath.response_encoder import ResponseEncoder
from gateway.fastpath.selection import NotOnFastPath, Selection
from gateway.queries.rate import RateList
from gateway.queries.rate_reader import RateReader
from gateway.queries.rates_query import OnStale
from gateway.schema.context import OperationMetadata
from rates.errors import RatesError

END = b"}}"


class FastPathQueries:
    """Carries out plans."""

    def __init__(self, schema: GraphQLSchema, rates: RateReader, library: ResponseEncoder) -> None:
        assert schema.query_type
        self._typename = b'"%b"' % schema.query_type.name.encode()
        self._rates = rates
        self._library = library

    def answer(self, plan: QueryPlan, notes: OperationMetadata | None) -> bytes | None:
        """The whole result, without errors; `None` where there is one: the plain path has its words.

        `notes` are written if they are given; a caller that has no use for them saves some work.
        """
        pieces = self.pieces(plan, notes)
        return None if pieces is None else b"".join(pieces)

    def pieces(self, plan: QueryPlan, notes: OperationMetadata | None) -> list[bytes] | None:
        """The same in pieces, for those who can send them as they are: lists are long, and every copy of them is felt."""
        fresh = OperationMetadata() if notes is not None else None
        pieces: list[bytes] = []
        try:
            for asked in plan:
                pieces.append(asked.before)
                self._add(pieces, asked, fresh)
        except (NotOnFastPath, GraphQLError, RatesError):
            return None
        if notes is not None and fresh is not None:
            notes.good_for = fresh.good_for
        pieces.append(END)
        return pieces

    def _add(self, pieces: list[bytes], asked: PlannedField, notes: OperationMetadata | None) -> None:
        if asked.ask is None:
            pieces.append(self._typename)
        elif isinstance(asked.ask, RateArgs):
            text = asked.spot.write(self._rates, self._library) if asked.spot and notes is None else None
            pieces.append(text or self._write_rate(asked, asked.ask, notes))
        else:
            assert asked.root.field.inside is not None
            selection = asked.root.field.inside
            pieces += self._read_kept(selection, asked.ask, notes) or self._read_list(
                selection, asked.ask, notes
            )

    def _write_rate(self, asked: PlannedField, ask: RateArgs, notes: OperationMetadata | None) -> bytes:
        assert asked.root.field.inside is not None
        rate = self._rates.rate(*ask)
        if rate is None:
            return b"null"
        if notes is not None:
            notes.note_rates([rate], ask.demand.max_age)
        return self._library.write_rate(asked.root.field.inside, rate)

    def _read_list(
        self, selection: Selection, ask: RatesArgs, notes: OperationMetadata | None
    ) -> list[bytes]:
        answer = self._rates.rates(*ask)
        if notes is not None:
            notes.note_rates(answer.items, ask.demand.max_age)
        return self._library.shape(selection).pieces(
            answer, lambda inside: self._library.write_rates(inside, answer.items)
        )

    def _read_kept(
        self, selection: Selection, ask: RatesArgs, notes: OperationMetadata | None
    ) -> list[bytes] | None:
        """The same from lists that are joined already. `None` where it depends on the age of each rate which of them answer."""
        question, demand = ask
        if demand.on_stale is not OnStale.RETURN or (notes is not None and demand.max_age is not None):
            return None
        rates, shape = self._rates, self._library.shape(selection)
        if not shape.item_selections:
            return None
        rates.check_loaded()
        rates.check_question(question)
        items: dict[Selection, bytes] = {}
        is_complete = True
        for inside in shape.item_selections:
            listing = self._library.refresh_listing(inside, question)
            items[inside] = listing.text
            is_complete = is_complete and listing.is_complete
            if notes is not None and listing.good_for is not None:
                notes.note_good_for(listing.good_for)
        tells_all = is_complete or "unavailable" not in shape.attributes
        unavailable = () if tells_all else rates.unavailable(question)
        cursor = rates.cursor() if "cursor" in shape.attributes else ""
        return shape.pieces(RateList((), unavailable, cursor), items.__getitem__)
