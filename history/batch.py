"""Results of folding one source since the last batch, for the gateways and the storage."""

from datetime import datetime

import msgspec

from history.instrument_coverage import CoverageEnd, CoverageStart
from history.second_fold import SecondBar
from rates.errors import MalformedBatch
from rates.source import Source
from rates.symbol import Symbol


class InstrumentBar(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """A second of an instrument."""

    symbol: Symbol
    second: SecondBar


class InstrumentStart(msgspec.Struct, frozen=True, tag="start"):
    """The beginning of an instrument's covered span."""

    symbol: Symbol
    start: CoverageStart


class InstrumentEnd(msgspec.Struct, frozen=True, tag="end"):
    """The end of an instrument's covered span."""

    symbol: Symbol
    end: CoverageEnd


class BarBatch(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """`closed`: seconds that were closed or corrected.

    `forming`: those that are not over, and have changed.

    `session` and `number` (1, 2, …) order the batches of one folding process. `spans`: starts and ends in the order in which they were
    found. Until `through`, every trade of the instruments with an open span has arrived; `None` if there is none. `open_spans`, in
    some batches: the start of every open span, for a reader who missed a batch. `folded_at`: by the corrected clock.
    """

    source: Source
    session: str
    number: int
    folded_at: datetime
    closed: tuple[InstrumentBar, ...] = ()
    forming: tuple[InstrumentBar, ...] = ()
    spans: tuple[InstrumentStart | InstrumentEnd, ...] = ()
    through: datetime | None = None
    open_spans: tuple[InstrumentStart, ...] | None = None
    simulated: bool = False


class TradePosition(msgspec.Struct, frozen=True):
    """The last trade of an instrument in a closed second. From `whole_from` on none is missing."""

    symbol: Symbol
    last_id: int | str
    last_at: datetime
    whole_from: datetime | None = None


_batch_decoder = msgspec.json.Decoder(BarBatch)
_position_decoder = msgspec.json.Decoder(TradePosition)


def encode_batch(batch: BarBatch) -> bytes:
    """Encode a batch as JSON: decimals as text, times in ISO 8601."""
    return msgspec.json.encode(batch)


def encode_batch_parts(batch: BarBatch) -> tuple[bytes, bytes]:
    """Encode a batch without the forming bars, for the recorder, and with them, for viewers.

    Closed bars, which are most of both, are encoded once.
    """
    if not batch.forming:
        data = encode_batch(batch)
        return data, data
    stored = encode_batch(msgspec.structs.replace(batch, forming=()))
    return stored, stored[:-1] + b',"forming":' + msgspec.json.encode(batch.forming) + b"}"


def decode_batch(data: bytes | str) -> BarBatch:
    """Decode a batch.

    Raises:
        MalformedBatch: it is not one.
    """
    try:
        return _batch_decoder.decode(data)
    except (msgspec.MsgspecError, ValueError) as exc:
        raise MalformedBatch(f"expected a batch of bars, saw {data[:160]!r}: {exc}") from exc


def encode_position(position: TradePosition) -> bytes:
    """Encode a position as JSON."""
    return msgspec.json.encode(position)


def decode_position(data: bytes | str) -> TradePosition:
    """Decode a position.

    Raises:
        MalformedBatch: it is not one.
    """
    try:
        return _position_decoder.decode(data)
    except (msgspec.MsgspecError, ValueError) as exc:
        raise MalformedBatch(f"expected the position of a fold, saw {data[:160]!r}: {exc}") from exc
