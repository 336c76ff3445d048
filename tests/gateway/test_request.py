"""Any input is either parsed as a request or rejected with a message."""

import json
from collections.abc import Callable
from typing import TypeVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.http.request_body import HttpError, read_query_string
from gateway.request import GraphQLRequest, MalformedRequest, decode_json, parse_request

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: (
        st.lists(inner) | st.dictionaries(st.text() | st.sampled_from(["query", "variables"]), inner)
    ),
)


T = TypeVar("T")


def attempt(read: Callable[[], T]) -> T | MalformedRequest | HttpError:
    """Return the parsed request, or the rejection."""
    try:
        return read()
    except (MalformedRequest, HttpError) as exc:
        return exc


@given(st.binary() | st.text())
def test_any_bytes_are_json_or_malformed(data: bytes | str) -> None:
    """Nothing else can come of them; what is JSON is what Python reads in it."""
    outcome = attempt(lambda: decode_json(data))
    assert isinstance(outcome, MalformedRequest) or outcome == json.loads(data)


@pytest.mark.slow
@given(JSON)
def test_any_json_is_a_request_or_malformed(data: object) -> None:
    """Of the right types."""
    outcome = attempt(lambda: parse_request(data))
    assert not isinstance(outcome, HttpError)
    assert isinstance(outcome, MalformedRequest) or (
        isinstance(outcome.query, str) and isinstance(outcome.variables, dict | None)
    )


@given(st.binary(max_size=300) | st.from_regex(rb"(query|variables|extensions|a)=[%a-f0-9{}&=]*"))
def test_any_query_string_is_a_request_or_refused(raw: bytes) -> None:
    """With a status that says that the client is wrong."""
    outcome = attempt(lambda: read_query_string(raw, max_bytes=200))
    assert not isinstance(outcome, MalformedRequest)
    assert isinstance(outcome, GraphQLRequest) or outcome.status in {400, 414}


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b'{"a":1,"a":2}', "'a' twice"),
        (b"NaN", "NaN"),
        (b"[" * 100_000, "too deeply"),
        (b"1" * 5_000, "too long"),
        (b"\xff", "UTF-8"),
        ('{"a": 1}'.encode("utf-16"), "UTF-8"),
        (b'"\\ud800"', "UTF-8"),
        (b"", "not JSON"),
    ],
)
def test_what_is_wrong_with_the_json_is_said(data: bytes, words: str) -> None:
    """In a few words of it."""
    with pytest.raises(MalformedRequest, match=words):
        decode_json(data)


def test_a_whole_pair_of_surrogates_is_a_character() -> None:
    """As JSON escapes those beyond the first 65,536."""
    assert decode_json(b'"\\ud83d\\ude00"') == "\N{GRINNING FACE}"
