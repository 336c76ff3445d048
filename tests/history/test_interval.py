"""Spans of intervals tile the time axis in every zone, whatever its clocks do."""

from datetime import UTC, datetime, timedelta
from zoneinfo import available_timezones

import pytest
from hypothesis import given
from hypothesis import strategies as st

from history.interval import Interval, TimeSpan, span_at, spans_between
from history.time_zone import parse_zone
from rates.errors import InvalidArgument

HOUR = timedelta(hours=1)
# Half an hour of summer time, midnights that do not occur or occur twice, a day that was left out, odd offsets.
ODD_ZONES = (
    "Australia/Lord_Howe",
    "America/Sao_Paulo",
    "America/Havana",
    "Pacific/Apia",
    "Asia/Kathmandu",
    "Asia/Beirut",
    "America/St_Johns",
    "Africa/Cairo",
    "Antarctica/Troll",
    "Atlantic/Azores",
)
ZONES = ("UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata", *ODD_ZONES)


def utc(text: str) -> datetime:
    """Parse a time in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


moments = st.integers(0, 26 * 366 * 86_400_000).map(
    lambda milliseconds: datetime(2009, 1, 3, tzinfo=UTC) + timedelta(milliseconds=milliseconds)
)


@given(st.sampled_from(Interval), st.sampled_from(ZONES), moments)
def test_spans_tile_the_time_axis(interval: Interval, zone: str, at: datetime) -> None:
    """Every instant of a span leads to the same span, and the next one begins at its end."""
    here = parse_zone(zone)
    span = span_at(interval, at, here)
    assert span.start <= at < span.end
    assert span_at(interval, span.start, here) == span
    assert span_at(interval, span.end - timedelta(microseconds=1), here) == span
    assert span_at(interval, span.end, here).start == span.end
    assert span_at(interval, span.start - timedelta(microseconds=1), here).end == span.start


@given(st.sampled_from([Interval.D1, Interval.W1, Interval.MN1]), st.sampled_from(ZONES), moments)
def test_calendar_spans_begin_at_the_first_instant_of_a_local_day(
    interval: Interval, zone: str, at: datetime
) -> None:
    """The microsecond before belongs to another date.

    Weeks begin on Monday, months on the first.
    """
    here = parse_zone(zone)
    start = span_at(interval, at, here).start
    local, before = start.astimezone(here), (start - timedelta(microseconds=1)).astimezone(here)
    assert before.date() < local.date()
    if interval is Interval.W1 and zone != "Pacific/Apia":
        assert local.weekday() == 0
    if interval is Interval.MN1:
        assert local.day == 1


@pytest.mark.parametrize("zone", ZONES)
def test_spans_tile_the_days_around_each_change_of_the_clocks(zone: str) -> None:
    """D1, H4 and H1 around every change of 2011 and 2024."""
    assert_tiles_around_changes(zone)


@pytest.mark.long
@pytest.mark.parametrize("zone", sorted(available_timezones() - {"localtime", *ZONES}))
def test_spans_of_every_other_zone_tile_the_days_around_each_change(zone: str) -> None:
    """The same in all zones of the database."""
    assert_tiles_around_changes(zone)


def assert_tiles_around_changes(zone: str) -> None:
    """Check the spans of two days around every change of the clocks."""
    here = parse_zone(zone)
    for year in (2011, 2024):
        hours = [datetime(year, 1, 1, tzinfo=UTC) + n * 6 * HOUR for n in range(4 * 366)]
        offsets = [one.astimezone(here).utcoffset() for one in hours]
        for n in range(1, len(hours)):
            if offsets[n] != offsets[n - 1]:
                for interval in (Interval.D1, Interval.H4, Interval.H1):
                    assert_tiles(interval, hours[n] - 24 * HOUR, hours[n] + 24 * HOUR, zone)


def assert_tiles(interval: Interval, start: datetime, end: datetime, zone: str) -> None:
    """Check that the spans follow each other, found from their starts and last instants."""
    here = parse_zone(zone)
    for span in spans_between(interval, start, end, here):
        assert span.start < span.end, (zone, span)
        assert span_at(interval, span.end - timedelta(microseconds=1), here) == span
        assert span_at(interval, span.end, here).start == span.end


def test_days_of_berlin_have_23_and_25_hours_when_the_clocks_change() -> None:
    """Summer time of 2024 began on 31 March and ended on 27 October."""
    berlin = parse_zone("Europe/Berlin")
    assert span_at(Interval.D1, utc("2024-03-31T12:00"), berlin) == TimeSpan(
        utc("2024-03-30T23:00"), utc("2024-03-31T22:00")
    )
    assert span_at(Interval.D1, utc("2024-10-27T12:00"), berlin) == TimeSpan(
        utc("2024-10-26T22:00"), utc("2024-10-27T23:00")
    )


def test_hours_that_occur_twice_are_two_spans() -> None:
    """2:30 in Berlin on 27 October 2024, first in summer time, then in winter time."""
    berlin = parse_zone("Europe/Berlin")
    hours = [
        span.start
        for span in spans_between(Interval.H1, utc("2024-10-26T23:30"), utc("2024-10-27T02:30"), berlin)
    ]
    assert hours == [utc("2024-10-26T23:00") + n * HOUR for n in range(4)]


def test_four_hours_of_a_night_in_which_the_clocks_change_are_three_or_five() -> None:
    """They begin at 0, 4, 8 … by the wall clock of Berlin."""
    berlin = parse_zone("Europe/Berlin")
    spring = span_at(Interval.H4, utc("2024-03-31T00:30"), berlin)
    autumn = span_at(Interval.H4, utc("2024-10-27T00:30"), berlin)
    assert (spring.end - spring.start, autumn.end - autumn.start) == (3 * HOUR, 5 * HOUR)


def test_a_midnight_that_is_skipped_begins_its_day_late_and_one_that_is_repeated_early() -> None:
    """São Paulo went from 0:00 to 1:00 on 4 November 2018.

    Havana from 1:00 to 0:00 on 3 November 2024.
    """
    sao_paulo = span_at(Interval.D1, utc("2018-11-04T12:00"), parse_zone("America/Sao_Paulo"))
    havana = span_at(Interval.D1, utc("2024-11-03T12:00"), parse_zone("America/Havana"))
    assert sao_paulo == TimeSpan(utc("2018-11-04T03:00"), utc("2018-11-05T02:00"))
    assert havana == TimeSpan(utc("2024-11-03T04:00"), utc("2024-11-04T05:00"))


def test_a_day_that_a_zone_left_out_is_no_span() -> None:
    """Samoa went from 29 to 31 December 2011."""
    apia = parse_zone("Pacific/Apia")
    days = [
        span.start.astimezone(apia).day
        for span in spans_between(Interval.D1, utc("2011-12-29T12:00"), utc("2012-01-01T00:00"), apia)
    ]
    assert days == [29, 31, 1]


def test_weeks_begin_on_monday_and_months_on_the_first() -> None:
    """In UTC: 8 August 2024 was a Thursday."""
    at = utc("2024-08-08T12:00")
    assert span_at(Interval.W1, at) == TimeSpan(utc("2024-08-05"), utc("2024-08-12"))
    assert span_at(Interval.MN1, at) == TimeSpan(utc("2024-08-01"), utc("2024-09-01"))
    assert span_at(Interval.MN1, utc("2023-12-31")) == TimeSpan(utc("2023-12-01"), utc("2024-01-01"))


@pytest.mark.parametrize(
    "name", ["Europe/Atlantis", "", "../../etc/passwd", "/etc/passwd", "Europe", "x" * 5000, "a\0b"]
)
def test_a_zone_that_does_not_exist_is_refused(name: str) -> None:
    """Also a name that leads out of the zone database, or to one of its folders."""
    with pytest.raises(InvalidArgument, match="Europe/Berlin"):
        parse_zone(name)
