"""The text of keys."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from access.key_text import (
    LENGTH,
    fingerprint,
    generate_key,
    generate_key_id,
    hash_key,
    parse_key_id,
    parse_shown_id,
    show_beginning,
)


def test_a_key_tells_its_id_and_no_two_are_equal() -> None:
    """Each new secret of one key too."""
    key_id = generate_key_id()
    keys = {generate_key(key_id) for _ in range(100)}
    assert len(keys) == 100
    assert {parse_key_id(key) for key in keys} == {key_id}
    assert {len(key) for key in keys} == {LENGTH}


@pytest.mark.slow
@given(st.integers(0, LENGTH - 1), st.characters(codec="ascii"))
def test_a_mistyped_key_is_none(at: int, typed: str) -> None:
    """Any character may be wrong; it never costs a look into the database."""
    key = generate_key(generate_key_id())
    mistyped = key[:at] + typed + key[at + 1 :]
    assert (parse_key_id(mistyped) is None) == (mistyped != key)


@pytest.mark.slow
@given(st.text(max_size=80))
def test_any_other_text_is_none(text: str) -> None:
    """No text makes it fail."""
    assert parse_key_id(text) is None


def test_the_beginning_of_a_key_names_it_and_the_whole_one_is_refused() -> None:
    """Arguments of commands are seen by other users of the machine."""
    key_id = generate_key_id()
    key = generate_key(key_id)
    assert parse_shown_id(key_id) == parse_shown_id(show_beginning(key)) == key_id
    assert parse_shown_id(key) is None
    assert parse_shown_id("rw_") is None


def test_nothing_that_is_shown_of_a_key_is_enough_to_use_it() -> None:
    """Neither the beginning nor the fingerprint has more than a few characters of the secret."""
    key = generate_key(generate_key_id())
    secret = key.rpartition("_")[2]
    assert secret[5:] not in show_beginning(key)
    assert len(show_beginning(key)) == LENGTH - len(secret) + 4
    assert fingerprint(hash_key(key)) in hash_key(key).hex()
