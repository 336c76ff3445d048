"""The encoded answers of the history, kept as long as they are given from memory."""

from gateway.cache_limits import MAX_CANDLE_BYTES, MAX_CANDLE_LISTS, MAX_SELECTIONS
from gateway.fastpath.encoders import Encoder, join_list
from gateway.fastpath.nested_objects import nested_encoder
from gateway.fastpath.response_encoder import ResponseEncoder
from gateway.fastpath.selection import Selection
from gateway.lru import BoundedLru
from gateway.queries.candles.candle_list import CandleList
from gateway.queries.candles.query import CandlesQuery
from gateway.queries.consensus_candles.consensus_candle import ConsensusCandleList
from gateway.queries.consensus_candles.query import ConsensusCandlesQuery
from gateway.queries.summaries.query import SummariesQuery
from gateway.queries.summaries.summary import SummaryList

OVERHEAD_BYTES = 500
HistoryQuery = CandlesQuery | ConsensusCandlesQuery | SummariesQuery
HistoryAnswer = CandleList | ConsensusCandleList | SummaryList


class EncodedHistory:
    """Encodes answers by selection, each answer once."""

    def __init__(self, encoder: ResponseEncoder) -> None:
        self._encoder = encoder
        self._encoders: BoundedLru[Selection, Encoder] = BoundedLru(size=MAX_SELECTIONS)
        self._known: BoundedLru[tuple[Selection, HistoryQuery], tuple[HistoryAnswer, bytes]] = BoundedLru(
            size=MAX_CANDLE_LISTS,
            weight=MAX_CANDLE_BYTES,
            weigh=lambda _, known: OVERHEAD_BYTES + len(known[1]),
        )

    def encode(self, selection: Selection, query: HistoryQuery, value: HistoryAnswer) -> bytes:
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
        encoded = join_list(map(encode, value.items)) if isinstance(value, SummaryList) else encode(value)
        self._known.put((selection, query), (value, encoded))
        return encoded
