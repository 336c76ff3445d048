"""The benchmark of closings counts what a client was told, and nothing else."""

from collections.abc import Sequence
from datetime import UTC, datetime

from bench.closing import Closings
from bench.closing_stages import ClosingStages, TimedBatch
from rates.source import Source

START = datetime(2026, 11, 30, 9, tzinfo=UTC).timestamp()
KEY = (Source.BYBIT, "M1")


def make_event(kind: str, *items: tuple[str, float, str]) -> dict[str, object]:
    """Return an event. Candles are ids, seconds from the start to the end, and states."""
    return {
        "kind": kind,
        "items": [
            {"id": name, "closeTime": datetime.fromtimestamp(START + end, UTC).isoformat(), "state": state}
            for name, end, state in items
        ],
    }


def measure(events: Sequence[tuple[float, dict[str, object]]]) -> Closings:
    """Return what is counted of events at some seconds."""
    closings = Closings()
    closings.since = START
    for seconds, event in events:
        closings.take(*KEY, event, START + seconds)
    return closings


def test_a_closing_counts_once() -> None:
    """A closed candle is told again once it is proved, or corrected."""
    found = measure(
        [
            (50, make_event("SNAPSHOT", ("a", 60, "FORMING"))),
            (60.25, make_event("UPDATE", ("a", 60, "CLOSED"))),
            (62, make_event("UPDATE", ("a", 60, "CORRECTED"))),
        ]
    )
    assert found.ms == {KEY: [250.0]}


def test_a_candle_that_closed_before_the_subscription_does_not_count() -> None:
    """It is told 70 s after its end, because more is known of it then."""
    found = measure(
        [
            (65, make_event("SNAPSHOT", ("b", 120, "FORMING"))),
            (130, make_event("UPDATE", ("a", 60, "CLOSED"))),
        ]
    )
    assert not found.ms


def test_a_candle_that_closed_unheard_counts_until_the_next_snapshot() -> None:
    """The client does not know before that it is over."""
    found = measure(
        [
            (50, make_event("SNAPSHOT", ("a", 60, "FORMING"))),
            (90, make_event("GAP")),
            (90, make_event("SNAPSHOT", ("b", 120, "FORMING"))),
            (95, make_event("UPDATE", ("a", 60, "CLOSED"))),
        ]
    )
    assert found.ms == {KEY: [30_000.0]}
    assert found.interruptions == {"bybit GAP": 1}


def test_a_candle_that_was_never_forming_counts() -> None:
    """It is a second with one trade, which closed before the next event."""
    found = measure(
        [(50, make_event("SNAPSHOT")), (61.5, make_event("UPDATE", ("a", 61, "CLOSED")))],
    )
    assert found.ms == {KEY: [500.0]}


def test_the_way_of_a_closing_is_measured_in_stages() -> None:
    """By the first batch that closes a second, whatever later ones say."""
    stages = ClosingStages()
    for batch_s, seen_s in ((60.0, 60.01), (60.2, 60.225), (60.3, 60.4)):
        stages.take(TimedBatch(Source.BYBIT, datetime.fromtimestamp(START + batch_s, UTC)), START + seen_s)
    stages.note(Source.BYBIT, START + 60, START + 60.275)
    stages.note(Source.BYBIT, START + 61, START + 61.5)
    assert [round(one) for one in stages.folded[Source.BYBIT]][-1] == 200
    assert [round(one) for one in stages.written[Source.BYBIT]][-1] == 225
    assert [round(one) for one in stages.told[Source.BYBIT]] == [50]
