"""`ratewire query` reads a subscription as an event stream."""

import pytest

from ratewire.client.query_command import read_events

NEXT = [b"event: next\n", b"id: c1\n", b'data: {"data": {"n": 1}}\n', b"\n"]
COMPLETE = [b"event: complete\n", b"data:\n", b"\n"]


def test_results_end_at_the_complete_event() -> None:
    """Heartbeats and the retry interval are no results; what follows `complete` is not read."""
    lines = [b"retry: 1000\n", b"\n", *NEXT, b":\n", b"\n", *COMPLETE, *NEXT]
    assert list(read_events(lines)) == [{"data": {"n": 1}}]


def test_a_line_separator_inside_json_does_not_end_the_line() -> None:
    """Only a newline does."""
    line = 'data: {"data": "a\u2028b"}\n'.encode()
    assert list(read_events([b"event: next\n", line, *COMPLETE])) == [{"data": "a\u2028b"}]


def test_a_stream_that_ends_without_complete_was_interrupted() -> None:
    """A script must not take its last event for the end."""
    events = read_events(NEXT)
    assert next(events) == {"data": {"n": 1}}
    with pytest.raises(ConnectionError, match="before it was complete"):
        next(events)
