"""Answers to queries as bytes, the same to the last one as those of the plain path, at a fraction of its cost."""

from graphql import GraphQLError, GraphQLSchema

from gateway.fragments.library import Library
from gateway.fragments.plan import Asked, Plan, RateAsk, RatesAsk
from gateway.fragments.selection import NotCovered, Selection
from gateway.fragments.writing import join_object, label
from gateway.rate import OnStale, RateList
from gateway.rates import Rates
from gateway.schema.context import Notes
from rates.errors import RatesError


class Answers:
    """Carries out plans."""

    def __init__(self, schema: GraphQLSchema, rates: Rates, library: Library) -> None:
        assert schema.query_type
        self._root_name = schema.query_type.name
        self._rates = rates
        self._library = library

    def answer(self, plan: Plan, notes: Notes | None) -> bytes | None:
        """The whole result, without errors; `None` where there is one: the plain path has its words.

        `notes` are written if they are given; a caller that has no use for them saves some work.
        """
        fresh = Notes()
        try:
            members = [
                label(asked.root.field.key) + self._write(asked, None if notes is None else fresh)
                for asked in plan
            ]
        except (NotCovered, GraphQLError, RatesError):
            return None
        if notes is not None:
            notes.good_for = fresh.good_for
        return b'{"data":' + join_object(members) + b"}"

    def _write(self, asked: Asked, notes: Notes | None) -> bytes:
        field = asked.root.field
        if asked.ask is None:
            return b'"%b"' % self._root_name.encode()
        assert field.inside is not None
        if isinstance(asked.ask, RateAsk):
            return self._write_rate(field.inside, asked.ask, notes)
        return self._write_kept(field.inside, asked.ask, notes) or self._write_list(
            field.inside, asked.ask, notes
        )

    def _write_rate(self, selection: Selection, ask: RateAsk, notes: Notes | None) -> bytes:
        rate = self._rates.rate(*ask)
        if rate is None:
            return b"null"
        if notes is not None:
            notes.note_rates([rate], ask.demand.max_age)
        return self._library.write_rate(selection, rate)

    def _write_list(self, selection: Selection, ask: RatesAsk, notes: Notes | None) -> bytes:
        answer = self._rates.rates(*ask)
        if notes is not None:
            notes.note_rates(answer.items, ask.demand.max_age)
        return self._library.shape(selection).write(
            answer, lambda inside: self._library.write_rates(inside, answer.items)
        )

    def _write_kept(self, selection: Selection, ask: RatesAsk, notes: Notes | None) -> bytes | None:
        """The same from lists that are joined already. `None` where the answer is more than a list of what has been seen."""
        question, demand = ask
        if demand.on_stale is not OnStale.RETURN or (notes is not None and demand.max_age is not None):
            return None
        rates, shape = self._rates, self._library.shape(selection)
        if not shape.item_selections:
            return None
        rates.check_loaded()
        rates.check_question(question)
        items: dict[Selection, bytes] = {}
        for inside in shape.item_selections:
            listing = self._library.refresh_listing(inside, question)
            if listing is None:
                return None
            items[inside] = listing.text
            if notes is not None and listing.good_for is not None:
                notes.note_good_for(listing.good_for)
        return shape.write(RateList((), (), rates.cursor()), items.__getitem__)
