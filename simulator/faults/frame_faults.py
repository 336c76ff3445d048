"""Faults in the messages of streams. Holds the messages that are delayed."""

import heapq
from collections.abc import Callable, Iterable, Iterator
from decimal import Decimal
from itertools import count

from simulator.faults import values
from simulator.faults.active_faults import ActiveFaults
from simulator.faults.channels import channel_role
from simulator.faults.fault import Fault
from simulator.faults.garbage import garble
from simulator.markets import Frame
from simulator.nanotime import SECOND
from simulator.sources import BINANCE, SOURCES

_PRICE_CHANGES = {
    "nulls": values.to_null,
    "missing": values.to_missing,
    "exponents": values.to_exponent,
    "zero-prices": values.to_zero,
}
_DROPPED = ("silent", "delisted")


def source_of_stream(stream: str) -> str:
    """The source of a stream; Binance's stream names have no prefix."""
    source = stream.partition(":")[0]
    return source if source in SOURCES else BINANCE


def symbol_of_stream(stream: str) -> str | None:
    """The source's symbol of a stream; None for a stream about many symbols."""
    if ":" not in stream:
        return None if stream.startswith("!") else stream.partition("@")[0].upper()
    code = stream.rpartition(":")[2]
    return code.rpartition(".")[2]


class FrameFaults:
    """Applies the active faults to every message of every stream."""

    def __init__(self, active_faults: ActiveFaults) -> None:
        self._active_faults = active_faults
        self._held: list[tuple[int, int, Frame]] = []
        self._numbers = count()
        active_faults.on_change.append(self._heal)

    def apply(self, frame: Frame) -> Iterator[Frame]:
        """Yield the messages to send now instead of a message; delayed ones come from `due`."""
        if self._active_faults.is_empty:
            yield frame
            return
        source = source_of_stream(frame.stream)
        frames = [frame]
        for fault in self._active_faults.for_symbol(source, symbol_of_stream(frame.stream)):
            frames = [each for one in frames for each in self._apply_one(fault, one, source)]
        yield from frames

    def due(self, now_ns: int) -> Iterator[Frame]:
        """Yield the delayed messages that are due."""
        while self._held and self._held[0][0] <= now_ns:
            yield heapq.heappop(self._held)[2]

    def due_ns(self) -> int | None:
        """The time of the next delayed message."""
        return self._held[0][0] if self._held else None

    def _apply_one(self, fault: Fault, frame: Frame, source: str) -> Iterable[Frame]:
        if fault.kind in _DROPPED or _is_dead(fault, frame.stream):
            fault.record_hit()
            return ()
        if (change := self._change(fault, frame, source)) is not None:
            return self._changed(fault, frame, change)
        if (until_ns := self._held_until(fault)) is not None:
            self._hold(fault, frame, until_ns)
            return ()
        return self._rearranged(fault, frame, source)

    @staticmethod
    def _change(  # noqa: PLR0911 - one return per kind
        fault: Fault, frame: Frame, source: str
    ) -> Callable[[str], str] | None:
        """Return how the fault changes a text; None if it does not."""
        match fault.kind:
            case kind if kind in _PRICE_CHANGES:
                return lambda text: values.change_prices(source, text, _PRICE_CHANGES[kind])
            case "other-asset":
                change = values.to_multiple(Decimal(str(fault.number("factor"))))
                return lambda text: values.change_prices(source, text, change)
            case "clock":
                offset_ns = int(fault.number("offset_s") * SECOND)
                return lambda text: values.shift_times(source, text, offset_ns)
            case "sequence-reset":
                bases = fault.memory.setdefault(f"bases {frame.stream}", {})
                assert isinstance(bases, dict)
                return lambda text: values.restart_sequences(source, text, bases)
            case "garbage":
                return lambda text: garble(str(fault.parameters["form"]), text)
            case "frozen" if fault.parameters["mode"] == "price":
                prices = fault.memory.setdefault(frame.stream, values.prices_of(source, frame.data))
                assert isinstance(prices, dict)
                return lambda text: values.put_prices(source, text, prices)
        return None

    def _held_until(self, fault: Fault) -> int | None:
        now_ns = self._active_faults.clock()
        match fault.kind:
            case "slow":
                return now_ns + int(fault.number("delay_s") * SECOND)
            case "burst":
                length = max(1, int(fault.number("every_s") * SECOND))
                return now_ns + length - (now_ns - fault.since_ns) % length
        return None

    def _rearranged(self, fault: Fault, frame: Frame, source: str) -> Iterable[Frame]:
        match fault.kind:
            case "odd-frames":
                return self._with_odd(fault, frame, source)
            case "duplicates":
                fault.record_hit()
                return frame, frame
            case "frozen":
                fault.record_hit()
                first = fault.memory.setdefault(frame.stream, frame)
                assert isinstance(first, Frame)
                return (first,)
            case "out-of-order":
                return _swapped(fault, frame)
        return (frame,)

    def _with_odd(self, fault: Fault, frame: Frame, source: str) -> Iterable[Frame]:
        now_ns, last_ns = self._active_faults.clock(), fault.memory.get("last_ns")
        assert last_ns is None or isinstance(last_ns, int)
        if last_ns is not None and now_ns < last_ns + int(fault.number("every_s") * SECOND):
            return (frame,)
        fault.memory["last_ns"] = now_ns
        form = str(fault.parameters["form"])
        return frame, *self._changed(fault, frame, lambda text: values.make_odd(source, form, text))

    @staticmethod
    def _changed(fault: Fault, frame: Frame, change: Callable[[str], str]) -> Iterable[Frame]:
        fault.record_hit()
        data = change(frame.data)
        if frame.combined is frame.data:
            return (Frame.plain(frame.stream, data),)
        return (Frame(frame.stream, data, f'{{"stream":"{frame.stream}","data":{data}}}'),)

    def _hold(self, fault: Fault, frame: Frame, until_ns: int) -> None:
        fault.record_hit()
        heapq.heappush(self._held, (until_ns, next(self._numbers), frame))

    def _heal(self, fault: Fault, active: bool) -> None:
        """Release the messages that a healed fault held back."""
        if active:
            return
        now_ns = self._active_faults.clock()
        if fault.kind in ("slow", "burst"):
            self._held = [
                (now_ns if source_of_stream(frame.stream) == fault.source else due_ns, number, frame)
                for due_ns, number, frame in self._held
            ]
            heapq.heapify(self._held)
        if fault.kind == "out-of-order":
            for frame in fault.memory.values():
                assert isinstance(frame, Frame)
                heapq.heappush(self._held, (now_ns, next(self._numbers), frame))


def is_stream_of(fault: Fault, stream: str) -> bool:
    """Whether a `dead-channel` fault applies to a stream."""
    return (
        source_of_stream(stream) == fault.source
        and fault.applies_to(symbol_of_stream(stream))
        and fault.parameters["channel"] == channel_role(stream)
    )


def _is_dead(fault: Fault, stream: str) -> bool:
    return fault.kind == "dead-channel" and fault.parameters["scope"] == "all" and is_stream_of(fault, stream)


def _swapped(fault: Fault, frame: Frame) -> Iterable[Frame]:
    """Swap each message with its successor."""
    earlier = fault.memory.pop(frame.stream, None)
    if earlier is None:
        fault.memory[frame.stream] = frame
        return ()
    fault.record_hit()
    assert isinstance(earlier, Frame)
    return frame, earlier
