"""Encoded results of `trades` subscriptions.

A trade is encoded once for all events that contain it, in each selection.
"""

from gateway.cache_limits import MAX_LIVE_TRADE_BYTES, MAX_LIVE_TRADES
from gateway.fastpath.encoders import join_list
from gateway.fastpath.nested_objects import nested_encoder
from gateway.fastpath.payload import EncodedPayload, result_encoder
from gateway.fastpath.response_encoder import ResponseEncoder
from gateway.fastpath.selection import Field, Selection
from gateway.lru import BoundedLru
from gateway.subscriptions.trades_event import TradesEvent
from history.trade import Trade

OVERHEAD_BYTES = 400


class EncodedTrades:
    """The encoded trades of one selection."""

    def __init__(self, encoder: ResponseEncoder, selection: Selection) -> None:
        self._encode = nested_encoder(encoder.schema, selection, encoder.ttl)
        # By identity, which the entry keeps valid.
        self._known: BoundedLru[int, tuple[Trade, bytes]] = BoundedLru(
            size=MAX_LIVE_TRADES,
            weight=MAX_LIVE_TRADE_BYTES,
            weigh=lambda _, known: OVERHEAD_BYTES + len(known[1]),
        )
        self.encoded_count = 0
        """How many trades were encoded so far."""

    def encode(self, trade: Trade) -> bytes:
        """The JSON of a trade."""
        known = self._known.get(id(trade))
        if known is not None:
            return known[1]
        encoded = self._encode(trade)
        self._known.put(id(trade), (trade, encoded))
        self.encoded_count += 1
        return encoded


class TradesPayloadEncoder:
    """Encodes the results of a `trades` subscription."""

    def __init__(self, encoder: ResponseEncoder, field: Field) -> None:
        assert field.inside is not None
        self._enclose = result_encoder(field)
        self._object_encoder = encoder.object_encoder(field.inside)
        self._trades = {
            selection: EncodedTrades(encoder, selection) for selection in self._object_encoder.item_selections
        }

    @property
    def encoded_count(self) -> int:
        """The number of trades encoded so far, in all selections."""
        return sum(each.encoded_count for each in self._trades.values())

    def encode(self, value: TradesEvent) -> EncodedPayload:
        """The result with an event."""

        def encode_items(selection: Selection) -> bytes:
            return join_list(map(self._trades[selection].encode, value.items))

        body = self._object_encoder.encode(value, encode_items)
        return EncodedPayload(self._enclose(body), value.cursor)
