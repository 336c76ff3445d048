"""One trade of an instrument, as its source published it."""

from datetime import datetime
from decimal import Decimal
from enum import StrEnum

import msgspec

# A number where the source counts the trades of an instrument without leaving one out: then two trades prove that none is missing
# between them. Text otherwise.
TradeId = int | str


class Side(StrEnum):
    """The side of the taker, whose order met one in the book."""

    BUY = "BUY"
    SELL = "SELL"


class Trade(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """A trade at `time`, which is the source's.

    `price` is in quote units per base unit, `quantity` in base units. `count`: trades of the source that are reported as one. They
    have the ids up to `id`, if ids are numbers. `side` is `None` where the source does not tell. `after_gap`: trades may be missing
    between the one before and this one, as the fold found.
    """

    id: TradeId
    price: Decimal
    quantity: Decimal
    time: datetime
    side: Side | None = None
    count: int = 1
    after_gap: bool = False

    @property
    def first_id(self) -> TradeId:
        """The id of the first trade that is reported in this one."""
        return self.id - self.count + 1 if isinstance(self.id, int) else self.id


def is_before(time: datetime, trade_id: TradeId, other_time: datetime, other_id: TradeId) -> bool:
    """Return whether a trade is before another one of the instrument: by time, then by number.

    Of two trades at one time without numbers, neither is before the other.
    """
    if time != other_time:
        return time < other_time
    return isinstance(trade_id, int) and isinstance(other_id, int) and trade_id < other_id
