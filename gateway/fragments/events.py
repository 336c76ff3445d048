"""Results of subscriptions as bytes: an event that says the same to several readers is written once."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

from graphql import GraphQLError

from gateway.fragments.fragment import Fragment
from gateway.fragments.library import Library
from gateway.fragments.plan import RateWatch, Watch
from gateway.fragments.selection import NotCovered, Selection
from gateway.fragments.writing import join_list, label
from gateway.live import Live, RatesEvent
from gateway.rate import Rate
from gateway.schema.context import Notes
from rates.clock import format_us
from rates.errors import RatesError


class EventWriter:
    """Writes events in one selection. It remembers the last: readers of the same rates are told of them one after the other."""

    def __init__(self, library: Library, selection: Selection) -> None:
        self._library = library
        self._shape = library.shape(selection)
        self._told: list[Any] = []
        self._rates: tuple[Rate, ...] = ()
        self._fragments: list[list[Fragment]] = []
        self._text = b""
        self.written = 0
        """How many different events were put together."""

    def write(self, event: RatesEvent) -> bytes:
        """The event."""
        told = [getattr(event, name) for name in self._shape.attributes]
        if not (self._text and told == self._told and self._holds(event.items)):
            chosen = {
                selection: self._library.fragments(selection, event.items)
                for selection in self._shape.item_selections
            }
            now_us = format_us(event.items[0].now) if event.items else 0
            self._text = self._shape.write(
                event, lambda selection: join_list([each.write(now_us) for each in chosen[selection]])
            )
            self._told, self._rates, self._fragments = told, event.items, list(chosen.values())
            self.written += 1
        return self._text

    def _holds(self, rates: tuple[Rate, ...]) -> bool:
        """Whether these are the rates written last. Equal prices can be written differently: only the very same are the same."""
        return len(rates) == len(self._rates) and all(
            len(fragment.parts) == 1 and fragment.holds(rate.ticker, rate.now)
            for fragments in self._fragments
            for fragment, rate in zip(fragments, rates, strict=True)
        )


class Events:
    """Carries out the plans of subscriptions."""

    def __init__(self, live: Live, library: Library) -> None:
        self._live = live
        self._library = library
        self._writers = library.keep_by_selection(EventWriter)

    def watch(self, watch: Watch, notes: Notes) -> AsyncGenerator[bytes, None] | None:
        """The results, until something goes wrong; `None` where that is at once: the plain path has its words."""
        inside = watch.root.field.inside
        assert inside is not None
        before = b'{"data":{' + label(watch.root.field.key)
        try:
            if isinstance(watch.ask, RateWatch):
                self._library.shelf(inside)
                return self._write_rate(before, inside, self._live.watch_rate(*watch.ask))
            writer = self._writers(inside)
            question, pace, after = watch.ask
            events = self._live.watch_rates(question, pace, notes.resume_from or after)
        except (NotCovered, GraphQLError, RatesError):
            return None
        return self._write_events(before, writer, events, notes)

    async def _write_rate(
        self, before: bytes, selection: Selection, rates: AsyncGenerator[Rate, None]
    ) -> AsyncGenerator[bytes, None]:
        async with aclosing(rates):
            async for rate in rates:
                yield before + self._library.write_rate(selection, rate) + b"}}"

    async def _write_events(
        self, before: bytes, writer: EventWriter, events: AsyncGenerator[RatesEvent, None], notes: Notes
    ) -> AsyncGenerator[bytes, None]:
        async with aclosing(events):
            async for event in events:
                notes.cursor = event.cursor
                yield before + writer.write(event) + b"}}"
