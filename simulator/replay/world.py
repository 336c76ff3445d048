"""Replay of a recording: publishes frames when due, answers requests from them."""

from collections.abc import Container, Iterator, Mapping, Sequence
from decimal import Decimal
from fractions import Fraction

import structlog

from simulator.markets import Frame, Venue
from simulator.nanotime import to_ms
from simulator.replay.event_times import move_times
from simulator.replay.feeds import RecordedFrame
from simulator.replay.recorded_binance import RecordedBinance
from simulator.replay.recorded_coingecko import RecordedCoinGecko
from simulator.replay.recorded_venue import RecordedVenue
from simulator.replay.recording import Recording
from simulator.replay.recording_file import RecordedAnswer
from simulator.replay.timeline import Timeline
from simulator.replay.track import Track, begin_tracks
from simulator.sources import BINANCE, COINGECKO

log = structlog.get_logger()


class ReplayWorld:
    """The replay of one recording. It waits at its first record until `begin`."""

    waits_for_clients = True

    def __init__(self, recording: Recording, *, speed: float = 1.0, original_times: bool = False) -> None:
        names = " ".join(recording.names).encode("ascii", "replace").decode()
        self.label = f"replay {names}"
        self.binance = RecordedBinance(recording.listings.get(BINANCE, {}))
        self.coingecko = RecordedCoinGecko(recording.coins)
        self._venues = {
            source: RecordedVenue(recording.listings[source], self._moved_text)
            for source in recording.sources
            if source != BINANCE
        }
        self.venues: Mapping[str, Venue] = self._venues
        self._recording = recording
        self._speed = Fraction(Decimal(repr(speed)))
        self._original = original_times
        self._tracks = [
            *(
                Track(source, [frame for frame in recording.frames if frame.source == source])
                for source in recording.sources
            ),
            *([Track(COINGECKO, recording.answers)] if recording.answers else []),
        ]
        self._timelines: dict[str, Timeline] = {}
        self._begin_ns: int | None = None
        self._ended_ms: int | None = None

    def begin(self, now_ns: int) -> None:
        """Start the replay's clock; only the first call has an effect."""
        if self._begin_ns is not None:
            return
        self._begin_ns = now_ns
        begin_tracks(self._tracks, now_ns, self._speed, original_times=self._original)
        self._timelines = {track.source: track.timeline for track in self._tracks if track.timeline}
        self.binance.timeline = self._timelines.get(BINANCE)
        self.coingecko.timeline = self._timelines.get(COINGECKO)
        log.info("replay.begins", files=self._recording.names, frames=len(self._recording.frames))

    def advance(self, now_ns: int, wanted: Container[str]) -> Iterator[Frame]:
        """Apply all records due up to `now_ns`."""
        while (track := self._next_track()) is not None and (track.due_ns() or 0) <= now_ns:
            record = track.take()
            if isinstance(record, RecordedAnswer):
                self.coingecko.apply(record)
            else:
                yield from self._play(record, wanted)
        self._note_end(now_ns)

    def due_ns(self) -> int | None:
        """The time of the next record; None before the begin and after the end."""
        track = self._next_track()
        return None if track is None else track.due_ns()

    def status(self) -> dict[str, object]:
        """Facts for the status page."""
        played = {kind: sum(track.position for track in self._tracks_of(kind)) for kind in (True, False)}
        return {
            "mode": "replay",
            "files": list(self._recording.names),
            "times": "original" if self._original else "shifted",
            "speed": float(self._speed),
            "began_at_us": None if self._begin_ns is None else self._begin_ns // 1000,
            "ended_at_ms": self._ended_ms,
            "frames": {"played": played[True], "recorded": len(self._recording.frames)},
            "answers": {"played": played[False], "recorded": len(self._recording.answers)},
        }

    def _tracks_of(self, frames: bool) -> Sequence[Track]:
        return [track for track in self._tracks if (track.source != COINGECKO) == frames]

    def _next_track(self) -> Track | None:
        due = [(due_ns, number) for number, track in enumerate(self._tracks) if (due_ns := track.due_ns())]
        return self._tracks[min(due)[1]] if due else None

    def _play(self, frame: RecordedFrame, wanted: Container[str]) -> Iterator[Frame]:
        try:
            if frame.source == BINANCE:
                self.binance.apply(frame.streams[0], frame.data)
            else:
                self._venues[frame.source].apply(frame)
        except (KeyError, TypeError, ValueError):
            # Clients receive what the exchange sent; only our state cannot use this frame.
            log.warning("replay.frame_not_understood", stream=frame.streams[0], seen=frame.data[:120])
        for stream in frame.streams:
            if stream in wanted:
                yield self._moved(frame, stream)

    def _moved(self, frame: RecordedFrame, stream: str) -> Frame:
        data = self._moved_text(frame)
        if frame.combined is frame.data:
            return Frame.plain(stream, data)
        if self._original:
            return Frame(stream, data, frame.combined)
        moved_us = self._timelines[frame.source].moved_us
        return Frame(stream, data, move_times(frame.source, frame.combined, moved_us))

    def _moved_text(self, frame: RecordedFrame) -> str:
        if self._original:
            return frame.data
        return move_times(frame.source, frame.data, self._timelines[frame.source].moved_us)

    def _note_end(self, now_ns: int) -> None:
        if self._begin_ns is None or self._ended_ms is not None or self.due_ns() is not None:
            return
        self._ended_ms = to_ms(now_ns)
        log.info(
            "replay.ended",
            files=self._recording.names,
            note="the last state stays; nothing moves any more",
        )
