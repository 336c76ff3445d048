"""The encoded lists of candles, kept as long as the lists are answered from memory."""

from gateway.cache_limits import MAX_CANDLE_BYTES, MAX_CANDLE_LISTS, MAX_SELECTIONS
from gateway.fastpath.encoders import Encoder
from gateway.fastpath.nested_objects import nested_encoder
from gateway.fastpath.response_encoder import ResponseEncoder
from gateway.fastpath.selection import Selection
from gateway.lru import BoundedLru
from gateway.queries.candles.candle_list import CandleList
from gateway.queries.candles.query import CandlesQuery

OVERHEAD_BYTES = 500
_Key = tuple[Selection, CandlesQuery]


class EncodedCandles:
    """Encodes lists of candles by selection, each list once."""

    def __init__(self, encoder: ResponseEncoder) -> None:
        self._encoder = encoder
        self._encoders: BoundedLru[Selection, Encoder] = BoundedLru(size=MAX_SELECTIONS)
        self._known: BoundedLru[_Key, tuple[CandleList, bytes]] = BoundedLru(
            size=MAX_CANDLE_LISTS,
            weight=MAX_CANDLE_BYTES,
            weigh=lambda _, known: OVERHEAD_BYTES + len(known[1]),
        )

    def encode(self, selection: Selection, query: CandlesQuery, value: CandleList) -> bytes:
        """Encode the answer to a query.

        Raises:
            NotOnFastPath: the selection is not covered.
        """
        known = self._known.get((selection, query))
        if known is not None and known[0] is value:
            return known[1]
        encode = self._encoders.get(selection)
        if encode is None:
            encode = nested_encoder(self._encoder.schema, selection, self._encoder.ttl)
            self._encoders.put(selection, encode)
        encoded = encode(value)
        self._known.put((selection, query), (value, encoded))
        return encoded
