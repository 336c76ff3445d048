"""The check that retired names do not come back."""

from pathlib import PurePosixPath

import pytest

from tools.retired_names import LIST, RetiredName, find_retired, parse_list
from tools.tracked_files import ROOT

CODE = '''
class Shelf:
    """A shelf, which is a word like any other."""

    told: int

    def __init__(self, stage):
        self._home = stage

    async def _tell(self):
        shelf = self.look()
'''


def found(name: str, kind: str, *, where: str = "gateway", path: str = "gateway/state/shelf.py") -> list[str]:
    return list(find_retired([RetiredName(name, kind, where)], path, CODE))


@pytest.mark.parametrize(
    ("name", "kind", "line"),
    [
        ("Shelf", "class", 2),
        ("told", "attribute", 5),
        ("stage", "parameter", 7),
        ("home", "attribute", 8),
        ("tell", "function", 10),
        ("shelf", "module", 1),
        ("state", "module", 1),
    ],
)
def test_a_retired_definition_is_found(name: str, kind: str, line: int) -> None:
    """With or without the underscore of a private name."""
    (message,) = found(name, kind)
    assert message.startswith(f"gateway/state/shelf.py:{line}: {kind} ")


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("class", "class  _Old(Base): ..."),
        ("function", "async def _old() -> None: ..."),
        ("attribute", "self.old += 1"),
        ("attribute", "self.first, self._old = 1, 2"),
        ("attribute", "with opened() as self.old: ..."),
        ("attribute", "for self.old in []: ..."),
        ("attribute", "class New:\n    new = _old = 1"),
        ("attribute", "class New:\n    old: int"),
        ("parameter", "def new(first, old): ..."),
        ("parameter", "def new(*, _old=1): ..."),
        ("parameter", "def new(**old): ..."),
        ("parameter", "def new(\n    # A comment.\n    old: int,\n): ..."),
        ("parameter", "lambda old: 1"),
    ],
)
def test_a_definition_of_any_form_is_found(kind: str, text: str) -> None:
    """Although files are parsed only where a retired name stands in the place of a definition."""
    (message,) = find_retired(
        [RetiredName("old", kind, "gateway")], "gateway/new.py", text.replace("Old", "old")
    )
    assert f" {kind} " in message


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("Shelf", "function"),
        ("shelf", "class"),
        ("look", "function"),
        ("tell", "class"),
        ("shelf", "parameter"),
    ],
)
def test_a_word_may_be_used_as_anything_else(name: str, kind: str) -> None:
    """In text, as a local variable, and as the name of a library's function."""
    assert not found(name, kind)


@pytest.mark.parametrize("where", ["pipeline", "gate", "gateway/http"])
def test_a_name_is_retired_in_its_folder_only(where: str) -> None:
    """A folder is not a prefix."""
    assert not found("Shelf", "class", where=where)


def test_a_retired_phrase_is_found_in_any_text() -> None:
    """In Markdown and in comments, also across the end of a line."""
    phrase = [RetiredName("short way", "phrase", "docs")]
    assert list(find_retired(phrase, "docs/http.md", "The Short\nway.")) == [
        "docs/http.md:1: “short way” is retired in docs"
    ]
    assert list(find_retired(phrase, "docs/a.py", "x = 1\n# the short\n# way\n"))
    assert list(find_retired(phrase, "docs/a.py", "x = 1  # the short\ny = 2  # way\n"))
    assert list(find_retired(phrase, "docs/a.py", 'def f():\n    """Take the short way."""\n'))
    assert not list(find_retired(phrase, "docs/a.py", 'log.exception("short way failed")\n'))
    assert not list(find_retired(phrase, "docs/http.md", "A shortway, a short  highway."))


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("Shelf", "expected NAME"),
        ("Shelf | class |", "expected NAME"),
        ("Shelf | noun | gateway", "kind 'noun'"),
    ],
)
def test_an_entry_that_cannot_be_read_is_refused(line: str, message: str) -> None:
    """With its line and what was expected; otherwise it would retire nothing."""
    with pytest.raises(ValueError, match=f"line 2.*{message}"):
        list(parse_list(f"# a comment\n{line}\n"))


def test_every_folder_of_the_list_exists() -> None:
    """An entry for a folder that has moved would retire nothing."""
    entries = list(parse_list((ROOT / LIST).read_text(encoding="utf-8")))
    assert len(entries) > 200
    assert not {each.where for each in entries if not (ROOT / PurePosixPath(each.where)).exists()}
