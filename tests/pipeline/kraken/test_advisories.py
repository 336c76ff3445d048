"""The beginning of announced maintenance, whatever form its entry has."""

from datetime import UTC, datetime

import pytest

from pipeline.sources.kraken.advisories import read_advisories

BEGINS_AT = datetime(2026, 12, 1, 8, tzinfo=UTC)


@pytest.mark.parametrize(
    "entry",
    [
        {"scheduled_for": "2026-12-01T08:00:00Z", "scheduled_until": "2026-12-01T09:00:00Z"},
        {"scheduled_until": "2026-12-01T09:00:00Z", "scheduled_for": "2026-12-01T08:00:00.000+00:00"},
        {"created_at": "2026-11-01T08:00:00Z", "starts_at": "2026-12-01T10:00:00+02:00"},
        {"start": 1_796_112_000, "end": 1_796_115_600, "id": 7},
        {"startTime": 1_796_112_000_000},
        {"time": "from 2026-12-01 08:00Z to 2026-12-01 09:00Z"},
        "Engine upgrade, 2026-12-01T08:00Z until 2026-12-01T09:00Z",
    ],
)
def test_maintenance_with_a_time_is_announced_for_it(entry: object) -> None:
    """The earliest time that is a beginning."""
    now, announcements = read_advisories([entry], None)
    assert now == ()
    assert [one.begins_at for one in announcements] == [BEGINS_AT]
    assert announcements[0].text.startswith("upcoming maintenance: ")


@pytest.mark.parametrize(
    "entry",
    [
        "tonight",
        {"name": "Engine"},
        {"scheduled_for": "2026-12-01T08:00:00"},
        {"scheduled_for": "2026-13-41T08:00:00Z"},
        {"updated_at": "2026-11-01T08:00:00Z"},
        {"id": 1_796_112_000, "start": True},
        7,
        [["deep"]],
    ],
)
def test_maintenance_without_a_readable_time_concerns_the_present(entry: object) -> None:
    """A time without a zone could be hours away from what is meant."""
    now, announcements = read_advisories([entry], [])
    assert (len(now), announcements) == (1, ())


def test_an_emergency_concerns_the_present_whatever_times_it_has() -> None:
    """Beside maintenance that is announced."""
    now, announcements = read_advisories(
        [{"start": "2026-12-01T08:00:00Z"}], [{"start": "2026-12-02T08:00:00Z"}]
    )
    assert now == ("emergency: start 2026-12-02T08:00:00Z",)
    assert [one.begins_at for one in announcements] == [BEGINS_AT]
