"""Task: which instruments one consumer is to fetch from one source, and until when that is of use."""

from datetime import datetime

import msgspec

from rates.clock import format_us, parse_us
from rates.errors import InvalidSymbol, MalformedTask
from rates.source import Source
from rates.symbol import Symbol, parse_symbol

# The longest list that any source takes in one call; a longer one was not written by a producer.
MAX_INSTRUMENTS_PER_TASK = 1_000


class RequestedInstrument(msgspec.Struct, frozen=True):
    """One instrument to ask for; `source_symbol` is the source's own spelling."""

    symbol: Symbol
    source_symbol: str


class Task(msgspec.Struct, frozen=True, kw_only=True):
    """To be worked on by one consumer before `deadline`, and skipped after it."""

    id: str
    source: Source
    wanted: tuple[RequestedInstrument, ...]
    issued_at: datetime
    deadline: datetime


class _WantedWire(msgspec.Struct, frozen=True):
    symbol: str
    source_symbol: str


class _TaskWire(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    source: Source
    wanted: list[_WantedWire]
    issued_at_us: int
    deadline_us: int


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(_TaskWire)


def encode_task(task: Task) -> bytes:
    """The JSON object in the queue; times are microseconds since the Unix epoch."""
    return _encoder.encode(
        _TaskWire(
            id=task.id,
            source=task.source,
            wanted=[_WantedWire(str(one.symbol), one.source_symbol) for one in task.wanted],
            issued_at_us=format_us(task.issued_at),
            deadline_us=format_us(task.deadline),
        )
    )


def decode_task(source: Source, body: bytes) -> Task:
    """The task in a message of `source`'s queue.

    Raises:
        MalformedTask: no task, one of another source, or one that asks for nothing, too much or the impossible.
    """
    try:
        wire = _decoder.decode(body)
        wanted = tuple(
            RequestedInstrument(parse_symbol(one.symbol), one.source_symbol) for one in wire.wanted
        )
        issued_at, deadline = parse_us(wire.issued_at_us), parse_us(wire.deadline_us)
    except (msgspec.MsgspecError, InvalidSymbol, OverflowError, UnicodeDecodeError) as exc:
        raise MalformedTask(f"expected a task of {source}, saw {body[:120]!r}: {exc}") from exc
    if wire.source is not source:
        raise MalformedTask(f"expected a task of {source}, saw one of {wire.source}: {body[:120]!r}")
    if not 0 < len(wanted) <= MAX_INSTRUMENTS_PER_TASK or not all(one.source_symbol for one in wanted):
        raise MalformedTask(
            f"expected 1 to {MAX_INSTRUMENTS_PER_TASK} instruments with a source symbol, saw {len(wanted)}: {body[:120]!r}"
        )
    if deadline <= issued_at:
        raise MalformedTask(f"expected a deadline after {issued_at}, saw {deadline}")
    return Task(id=wire.id, source=wire.source, wanted=wanted, issued_at=issued_at, deadline=deadline)
