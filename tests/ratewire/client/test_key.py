"""Client commands take a key from the environment or a file, and explain its refusal."""

import os
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from access.key_text import generate_key, generate_key_id
from ratewire.cli import app
from ratewire.client.key import KEY_VARIABLE, MAX_KEY_BYTES, explain_denial, open_key

KEY, NEXT_KEY = (generate_key(generate_key_id()) for _ in range(2))


@pytest.fixture(autouse=True)
def variable(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the machine that runs the tests."""
    monkeypatch.delenv(KEY_VARIABLE, raising=False)


def test_without_a_key_none_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty variable is as good as none: compose files have such."""
    assert open_key(None)() is None
    monkeypatch.setenv(KEY_VARIABLE, " ")
    assert open_key(None)() is None


def test_a_file_comes_before_the_variable(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Because it is named for this call. Editors end a file with a newline."""
    monkeypatch.setenv(KEY_VARIABLE, KEY)
    assert open_key(None)() == KEY
    file = tmp_path / "key"
    file.write_text(f"{NEXT_KEY}\n")
    assert open_key(file)() == NEXT_KEY


def test_a_rotated_key_is_read_anew(tmp_path: Path) -> None:
    """While the file is being written or is gone, the last key counts."""
    file = tmp_path / "key"
    file.write_text(KEY)
    read = open_key(file)
    file.write_text("")
    assert read() == KEY
    file.unlink()
    assert read() == KEY
    file.write_text(NEXT_KEY)
    assert read() == NEXT_KEY


def test_a_pipe_is_read_once() -> None:
    """As a shell's `<(command)` makes it; to open it again would block."""
    reading, writing = os.pipe()
    try:
        os.write(writing, KEY.encode())
        os.close(writing)
        read = open_key(Path(f"/dev/fd/{reading}"))
        assert [read(), read()] == [KEY, KEY]
    finally:
        os.close(reading)


@pytest.mark.parametrize("command", [["query", "-"], ["watch"]])
@pytest.mark.parametrize("content", [b"", b"\n", b"two words", b"\x00", "schlüssel".encode(), b"\xff", None])
def test_a_file_without_a_key_is_refused(command: list[str], content: bytes | None, tmp_path: Path) -> None:
    """As a wrong option, before anything is sent."""
    file = tmp_path / "key"
    if content is not None:
        file.write_bytes(content)
    result = CliRunner().invoke(app, [*command, "--key-file", str(file)], input="{ __typename }")
    assert result.exit_code == 2
    assert "--key-file" in result.output


@pytest.mark.parametrize(
    "text",
    [f"{KEY} {KEY}", KEY + "x" * MAX_KEY_BYTES, f"{KEY}\r\nx-other: 1"],
    # Each process of pytest makes another key.
    ids=["two", "too long", "a header"],
)
def test_what_cannot_be_a_key_is_not_shown(
    text: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """It may have a key in it. Nor can it add header fields."""
    monkeypatch.setenv(KEY_VARIABLE, text)
    with pytest.raises(typer.BadParameter, match=KEY_VARIABLE) as refused:
        open_key(None)
    assert KEY not in str(refused.value)
    file = tmp_path / "key"
    file.write_text(text)
    with pytest.raises(typer.BadParameter, match="--key-file") as refused:
        open_key(file)
    assert KEY not in str(refused.value)


def test_a_key_in_place_of_its_file_is_not_shown() -> None:
    """Outputs of programs are kept for longer than a list of processes."""
    result = CliRunner().invoke(app, ["watch", "--key-file", KEY])
    assert result.exit_code == 2
    assert KEY not in result.output


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("UNAUTHENTICATED", "does not accept the key"),
        ("FORBIDDEN", "does not allow"),
        ("BUDGET_EXHAUSTED", "budget is spent"),
    ],
)
def test_denials_are_explained_with_the_words_of_the_gateway(code: str, said: str) -> None:
    """These name the scope that is missing, or when to try again."""
    error = {"message": "try again in 113 ms", "extensions": {"code": code}}
    explained = explain_denial(error, has_key=True)
    assert explained is not None
    for part in (said, "try again in 113 ms", code):
        assert part in explained


def test_whoever_has_no_key_learns_where_to_put_it() -> None:
    """The gateway speaks of headers, which are no concern of who runs a command."""
    explained = explain_denial({"extensions": {"code": "UNAUTHENTICATED"}}, has_key=False)
    assert explained is not None
    assert KEY_VARIABLE in explained
    assert "--key-file" in explained


@pytest.mark.parametrize("error", [{}, {"extensions": None}, {"extensions": {"code": "INVALID_SYMBOL"}}])
def test_other_errors_are_left_as_they_are(error: dict[str, object]) -> None:
    """They say themselves what is wrong."""
    assert explain_denial(error, has_key=True) is None
