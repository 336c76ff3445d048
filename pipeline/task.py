"""Tasks: which instruments a consumer fetches from one source, and by when."""

from datetime import datetime, timedelta

import msgspec

from rates.clock import format_us, parse_us
from rates.errors import InvalidSymbol, MalformedTask
from rates.source import Source
from rates.symbol import Symbol, parse_symbol

# The longest list that any source takes in one call. A longer one was not written by a producer.
MAX_INSTRUMENTS_PER_TASK = 1_000


class RequestedInstrument(msgspec.Struct, frozen=True):
    """One instrument to fetch. `source_symbol` is the source's own spelling."""

    symbol: Symbol
    source_symbol: str


class Task(msgspec.Struct, frozen=True, kw_only=True):
    """Work for one consumer before `deadline`; skipped after it."""

    id: str
    source: Source
    instruments: tuple[RequestedInstrument, ...]
    issued_at: datetime
    deadline: datetime

    @property
    def lifetime(self) -> timedelta:
        """The time from its issue to its deadline."""
        return self.deadline - self.issued_at


class _InstrumentWire(msgspec.Struct, frozen=True):
    symbol: str
    source_symbol: str


class _TaskWire(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    source: Source
    wanted: list[_InstrumentWire]
    issued_at_us: int
    deadline_us: int


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(_TaskWire)


def encode_task(task: Task) -> bytes:
    """Encode a task as a JSON object. Times are microseconds since the Unix epoch."""
    return _encoder.encode(
        _TaskWire(
            id=task.id,
            source=task.source,
            wanted=[_InstrumentWire(str(one.symbol), one.source_symbol) for one in task.instruments],
            issued_at_us=format_us(task.issued_at),
            deadline_us=format_us(task.deadline),
        )
    )


def decode_task(source: Source, body: bytes) -> Task:
    """Decode the task in a message of `source`'s queue.

    Raises:
        MalformedTask: not a task, of another source, or with too few, too many or invalid instruments or an invalid deadline.
    """
    try:
        wire = _decoder.decode(body)
        instruments = tuple(
            RequestedInstrument(parse_symbol(one.symbol), one.source_symbol) for one in wire.wanted
        )
        issued_at, deadline = parse_us(wire.issued_at_us), parse_us(wire.deadline_us)
    except (msgspec.MsgspecError, InvalidSymbol, OverflowError, UnicodeDecodeError) as exc:
        raise MalformedTask(f"expected a task of {source}, saw {body[:120]!r}: {exc}") from exc
    if wire.source is not source:
        raise MalformedTask(f"expected a task of {source}, saw one of {wire.source}: {body[:120]!r}")
    if not 0 < len(instruments) <= MAX_INSTRUMENTS_PER_TASK or not all(
        one.source_symbol for one in instruments
    ):
        raise MalformedTask(
            f"expected 1 to {MAX_INSTRUMENTS_PER_TASK} instruments with a source symbol, "
            f"saw {len(instruments)}: {body[:120]!r}"
        )
    if deadline <= issued_at:
        raise MalformedTask(f"expected a deadline after {issued_at}, saw {deadline}")
    return Task(
        id=wire.id, source=wire.source, instruments=instruments, issued_at=issued_at, deadline=deadline
    )
