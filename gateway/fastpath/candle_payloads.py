"""Encoded results of `candles` subscriptions.

A candle is encoded once for all events that contain it, in each selection.
"""

from datetime import datetime

from gateway.cache_limits import MAX_LIVE_CANDLE_BYTES, MAX_LIVE_CANDLES
from gateway.fastpath.encoders import join_list
from gateway.fastpath.nested_objects import nested_encoder
from gateway.fastpath.payload import EncodedPayload, result_encoder
from gateway.fastpath.response_encoder import ResponseEncoder
from gateway.fastpath.selection import Field, Selection
from gateway.lru import BoundedLru
from gateway.queries.candles.candle_list import CandleSeries, SeriesCandle
from gateway.subscriptions.candles_event import CandlesEvent
from history.candle import Candle

OVERHEAD_BYTES = 400
_Key = tuple[CandleSeries, datetime]


class EncodedLiveCandles:
    """The encoded candles of one selection: the newest value of each."""

    def __init__(self, encoder: ResponseEncoder, selection: Selection) -> None:
        self._encode = nested_encoder(encoder.schema, selection, encoder.ttl)
        self._known: BoundedLru[_Key, tuple[Candle, bytes]] = BoundedLru(
            size=MAX_LIVE_CANDLES,
            weight=MAX_LIVE_CANDLE_BYTES,
            weigh=lambda _, known: OVERHEAD_BYTES + len(known[1]),
        )
        self.encoded_count = 0
        """How many candles were encoded so far."""

    def encode(self, value: SeriesCandle) -> bytes:
        """The JSON of a candle."""
        series, candle = value
        key = series, candle.open_time
        known = self._known.get(key)
        # Equal numbers may be written differently.
        if known is not None and known[0] is candle:
            return known[1]
        encoded = self._encode(value)
        self._known.put(key, (candle, encoded))
        self.encoded_count += 1
        return encoded


class CandlesPayloadEncoder:
    """Encodes the results of a `candles` subscription."""

    def __init__(self, encoder: ResponseEncoder, field: Field) -> None:
        assert field.inside is not None
        self._enclose = result_encoder(field)
        self._object_encoder = encoder.object_encoder(field.inside)
        self._candles = {
            selection: EncodedLiveCandles(encoder, selection)
            for selection in self._object_encoder.item_selections
        }

    @property
    def encoded_count(self) -> int:
        """The number of candles encoded so far, in all selections."""
        return sum(each.encoded_count for each in self._candles.values())

    def encode(self, value: CandlesEvent) -> EncodedPayload:
        """The result with an event."""

        def encode_items(selection: Selection) -> bytes:
            return join_list(map(self._candles[selection].encode, value.items))

        body = self._object_encoder.encode(value, encode_items)
        return EncodedPayload(self._enclose(body), value.cursor)
