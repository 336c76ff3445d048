"""Retry-After in both of its forms, and malformed."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.net.retry_after import LONGEST_RETRY_AFTER, parse_retry_after_header

NOW = datetime(2026, 1, 1, 12, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("0", 0),
        (" 120 ", 120),
        ("0000000000030", 30),
        ("Thu, 01 Jan 2026 12:02:00 GMT", 120),
        ("Thursday, 01-Jan-26 12:02:00 GMT", 120),
        ("Thu Jan  1 12:02:00 2026", 120),
        ("Thu, 01 Jan 2026 14:02:00 +0200", 120),
        ("Thu, 01 Jan 2026 11:59:00 GMT", 0),
    ],
)
def test_seconds_and_dates_are_spans_from_now(value: str, seconds: int) -> None:
    """RFC 9110 has three forms of dates. A past one is no wait."""
    assert parse_retry_after_header(value, NOW) == timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("30, 60", 60),
        ("60,30", 60),
        ("soon, 30", 30),
        ("30, Thu, 01 Jan 2026 12:02:00 GMT", 120),
        ("Thu, 01 Jan 2026 12:02:00 GMT, Thursday, 01-Jan-26 12:03:00 GMT, 30", 180),
        ("30, 259201", 259200),
    ],
)
def test_the_longest_of_several_values_counts(value: str, seconds: int) -> None:
    """Two headers arrive as a list; the comma of a date does not end a value."""
    assert parse_retry_after_header(value, NOW) == timedelta(seconds=seconds)


@pytest.mark.parametrize("value", ["259201", "9" * 5000, "Fri, 01 Jan 2100 00:00:00 GMT"])
def test_no_mistake_silences_a_source_for_longer_than_the_longest_ban(value: str) -> None:
    """Three days, with any form."""
    assert parse_retry_after_header(value, NOW) == LONGEST_RETRY_AFTER


@pytest.mark.parametrize("value", [None, "", "soon", "-5", "1.5", "\u00b2", "2026-01-01T12:02:00Z"])
def test_malformed_values_are_ignored(value: str | None) -> None:
    """They are not guessed."""
    assert parse_retry_after_header(value, NOW) is None


@given(st.text(alphabet="0123456789 :,-+GMTMonJan", max_size=40))
def test_any_value_gives_a_bounded_wait(value: str) -> None:
    """No value raises."""
    span = parse_retry_after_header(value, NOW)
    assert span is None or timedelta() <= span <= LONGEST_RETRY_AFTER
