"""What resolvers reach: the gateway's answers, and the notes of the operation that they answer."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from strawberry.types import Info as StrawberryInfo

from gateway.catalog import InstrumentCatalog
from gateway.live import Live
from gateway.rates import Rates


@dataclass(slots=True)
class Notes:
    """What one operation's transport tells its resolvers, and they it, beside arguments and answer."""

    resume_from: str | None = None
    """Cursor that a reader came back with outside of the document; an argument `after` has precedence."""
    cursor: str | None = None
    """Cursor of the event told last."""
    good_until: datetime | None = None
    """When the first of the rates in the answer ceases to be as fresh as it says, or as was asked for."""

    def note_good_until(self, moments: Iterable[datetime]) -> None:
        earliest = min(moments, default=None)
        if earliest is not None and (self.good_until is None or earliest < self.good_until):
            self.good_until = earliest


@dataclass(frozen=True, slots=True)
class Context:
    """The gateway's parts are the same for all operations, the notes are each operation's own."""

    rates: Rates
    live: Live
    catalog: InstrumentCatalog
    notes: Notes = field(default_factory=Notes)


Info = StrawberryInfo[Context, None]
