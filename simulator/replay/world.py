"""Replay of a recording: publishes frames when due, answers requests from the frames published so far."""

from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

import structlog

from simulator.markets import Frame, Venue
from simulator.nanotime import to_ms
from simulator.replay.event_times import event_ms, move_times
from simulator.replay.files import RecordedAnswer, RecordedFrame
from simulator.replay.recorded_binance import RecordedBinance
from simulator.replay.recorded_coingecko import RecordedCoinGecko
from simulator.replay.recording import Recording
from simulator.replay.timeline import Timeline, lead_ns

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class _Timelines:
    begin_ns: int
    binance: Timeline
    coingecko: Timeline


class ReplayWorld:
    """The replay of one recording. It waits at its first record until `begin`."""

    def __init__(self, recording: Recording, *, speed: float = 1.0, original_times: bool = False) -> None:
        names = " ".join(recording.names).encode("ascii", "replace").decode()
        self.label = f"replay {names}"
        self.binance = RecordedBinance(recording.listings)
        self.coingecko = RecordedCoinGecko(recording.coins)
        self.venues: Mapping[str, Venue] = {}  # their recordings are older protocols or other products
        self._recording = recording
        self._speed = Fraction(Decimal(repr(speed)))
        self._original = original_times
        self._lead_ns = self._frames_lead_ns()
        self._playing: _Timelines | None = None
        self._next_frame = self._next_answer = 0
        self._ended_ms: int | None = None

    def begin(self, now_ns: int) -> None:
        """Start the replay's clock; only the first call has an effect."""
        if self._playing is not None:
            return
        received_binance, received_coingecko = self._first_received()
        binance = self._timeline(
            now_ns, received_binance, self._first_event_us(received_binance), self._lead_ns
        )
        # CoinGecko's times keep their recorded distance to the time of reception.
        coingecko = self._timeline(now_ns, received_coingecko, received_coingecko // 1000, 0)
        self._playing = _Timelines(now_ns, binance, coingecko)
        self.binance.timeline, self.coingecko.timeline = binance, coingecko
        log.info("replay.begins", files=self._recording.names, frames=len(self._recording.frames))

    def advance(self, now_ns: int, wanted: Container[str]) -> Iterator[Frame]:
        """Apply all records due up to `now_ns`."""
        while (due_ns := self.due_ns()) is not None and due_ns <= now_ns:
            if due_ns == self._frame_due_ns():
                yield from self._play_frame(wanted)
            else:
                self.coingecko.apply(self._recording.answers[self._next_answer])
                self._next_answer += 1
        self._note_end(now_ns)

    def due_ns(self) -> int | None:
        """The time of the next record; None before the begin and after the end."""
        due = [time_ns for time_ns in (self._frame_due_ns(), self._answer_due_ns()) if time_ns is not None]
        return min(due, default=None)

    def status(self) -> dict[str, object]:
        """Facts for the status page."""
        return {
            "mode": "replay",
            "files": list(self._recording.names),
            "times": "original" if self._original else "shifted",
            "speed": float(self._speed),
            "began_at_us": None if self._playing is None else self._playing.begin_ns // 1000,
            "ended_at_ms": self._ended_ms,
            "frames": {"played": self._next_frame, "recorded": len(self._recording.frames)},
            "answers": {"played": self._next_answer, "recorded": len(self._recording.answers)},
        }

    def _play_frame(self, wanted: Container[str]) -> Iterator[Frame]:
        frame = self._recording.frames[self._next_frame]
        self._next_frame += 1
        try:
            self.binance.apply(frame.stream, frame.data)
        except (KeyError, TypeError, ValueError):
            # Clients receive what the exchange sent; only our state cannot use this frame.
            log.warning("replay.frame_not_understood", stream=frame.stream, seen=frame.data[:120])
        if frame.stream in wanted:
            yield self._moved(frame)

    def _moved(self, frame: RecordedFrame) -> Frame:
        assert self._playing is not None
        if self._original:
            return Frame(frame.stream, frame.data, frame.combined)
        moved_us = self._playing.binance.moved_us
        return Frame(frame.stream, move_times(frame.data, moved_us), move_times(frame.combined, moved_us))

    def _frame_due_ns(self) -> int | None:
        if self._playing is None or self._next_frame >= len(self._recording.frames):
            return None
        return self._playing.binance.due_ns(self._recording.frames[self._next_frame].received_ns)

    def _answer_due_ns(self) -> int | None:
        if self._playing is None or self._next_answer >= len(self._recording.answers):
            return None
        return self._playing.coingecko.due_ns(self._recording.answers[self._next_answer].received_ns)

    def _note_end(self, now_ns: int) -> None:
        if self._playing is None or self._ended_ms is not None or self.due_ns() is not None:
            return
        self._ended_ms = to_ms(now_ns)
        log.info(
            "replay.ended",
            files=self._recording.names,
            note="the last state stays; nothing moves any more",
        )

    def _timeline(self, begin_ns: int, received_ns: int, event_us: int, lead: int) -> Timeline:
        return Timeline(begin_ns, received_ns, event_us, self._speed, lead, self._original)

    def _first_received(self) -> tuple[int, int]:
        """The start of each exchange's recording. Recordings of the same time keep their offset to each other."""
        frames, answers = self._recording.frames, self._recording.answers
        if not frames or not answers:
            return _first(frames), _first(answers)
        if (
            frames[0].received_ns <= answers[-1].received_ns
            and answers[0].received_ns <= frames[-1].received_ns
        ):
            both = min(_first(frames), _first(answers))
            return both, both
        return _first(frames), _first(answers)

    def _first_event_us(self, received_ns: int) -> int:
        """The first event time, minus the head start of the other exchange's recording."""
        frames = self._recording.frames
        first = next((stamp for frame in frames if (stamp := event_ms(frame.data)) is not None), None)
        if first is None:
            return received_ns // 1000
        return first * 1000 - (_first(frames) - received_ns) // 1000

    def _frames_lead_ns(self) -> int:
        if self._original:
            return 0
        frames = self._recording.frames
        stamped = [(stamp, frame) for frame in frames if (stamp := event_ms(frame.data)) is not None]
        if not stamped:
            return 0
        first = stamped[0][0]
        return lead_ns(
            [(stamp - first, frame.received_ns - _first(frames)) for stamp, frame in stamped], self._speed
        )


def _first(records: Sequence[RecordedFrame] | Sequence[RecordedAnswer]) -> int:
    return records[0].received_ns if records else 0
