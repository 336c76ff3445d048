"""Records of one source during a replay, and the alignment of several sources."""

from collections.abc import Sequence
from fractions import Fraction

import structlog

from simulator.nanotime import MINUTE, SECOND
from simulator.replay.event_times import event_us
from simulator.replay.feeds import RecordedFrame
from simulator.replay.recording_file import RecordedAnswer
from simulator.replay.timeline import Timeline, ahead_ns, scaled_lead_ns

# A gap this long before or among the first frames is skipped: a recorder that connected early, or a first message of a
# quiet instrument with the time of its last trade.
LONG_GAP = MINUTE
FIRST_FRAMES = 100

log = structlog.get_logger()


class Track:
    """Records of one source in order, the next one at `position`."""

    def __init__(self, source: str, records: Sequence[RecordedFrame] | Sequence[RecordedAnswer]) -> None:
        self.source = source
        self.records = records
        self.timeline: Timeline | None = None
        self.position = 0
        self.frames = [record for record in records if isinstance(record, RecordedFrame)]
        self.start = _start_index(self.frames)

    @property
    def start_ns(self) -> int:
        """When the recording starts: after a long gap among the first frames."""
        return self.records[self.start].received_ns

    @property
    def end_ns(self) -> int:
        """When the last record was received."""
        return self.records[-1].received_ns

    def due_ns(self) -> int | None:
        """When the next record is published; None before the begin and after the end."""
        if self.timeline is None or self.position >= len(self.records):
            return None
        return self.timeline.due_ns(self.records[self.position].received_ns)

    def take(self) -> RecordedFrame | RecordedAnswer:
        """Return the next record and move on."""
        record = self.records[self.position]
        self.position += 1
        return record


def begin_tracks(tracks: Sequence[Track], begin_ns: int, speed: Fraction, *, original_times: bool) -> None:
    """Give each track its timeline.

    Recordings of the same time keep their offset to each other; others start together.
    """
    for group in _overlapping(tracks):
        group_ns = min(track.start_ns for track in group)
        for track in group:
            track.timeline = _timeline(track, group_ns, begin_ns, speed, original_times=original_times)
            skipped_ns = track.start_ns - track.records[0].received_ns
            if skipped_ns:
                _log_gap(track.source, skipped_ns)


def _overlapping(tracks: Sequence[Track]) -> list[list[Track]]:
    groups: list[list[Track]] = []
    for track in sorted(tracks, key=lambda track: track.start_ns):
        if groups and track.start_ns <= max(other.end_ns for other in groups[-1]):
            groups[-1].append(track)
        else:
            groups.append([track])
    return groups


def _timeline(
    track: Track, group_ns: int, begin_ns: int, speed: Fraction, *, original_times: bool
) -> Timeline:
    # CoinGecko's times keep their recorded distance to the time of reception.
    first_us, lead = group_ns // 1000, 0
    stamped = [
        (stamp, frame.received_ns)
        for frame in track.frames[track.start :]
        if (stamp := event_us(track.source, frame.data)) is not None
    ]
    if stamped and not original_times:
        first = stamped[0][0]
        ahead = ahead_ns((stamp - first, received - track.start_ns) for stamp, received in stamped)
        # The first event time becomes the begin, less the head start of another source's recording.
        first_us = first - (track.start_ns - group_ns) // 1000
        if ahead >= LONG_GAP:
            # The first event is old: nothing else would be published for as long.
            _log_gap(track.source, ahead)
            first_us, ahead = first_us - (-ahead // 1000), 0
        lead = scaled_lead_ns(ahead, speed)
    return Timeline(begin_ns, group_ns, first_us, speed, lead, original_times)


def _start_index(frames: Sequence[RecordedFrame]) -> int:
    first = frames[:FIRST_FRAMES]
    gaps = [
        number
        for number in range(1, len(first))
        if first[number].received_ns - first[number - 1].received_ns >= LONG_GAP
    ]
    return gaps[-1] if gaps else 0


def _log_gap(source: str, gap_ns: int) -> None:
    log.info(
        "replay.gap_skipped",
        source=source,
        seconds=gap_ns // SECOND,
        note="a long gap at the start of the recording",
    )
