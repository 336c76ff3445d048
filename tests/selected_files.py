"""Collects only those files that hold a test of the kinds that `-m` selects.

To import all tests takes seconds of processor time, in each process of pytest. A file is left out where its `pytestmark` says
that it has no such test, or a collection of the same sources by an earlier command. Files that a command names are collected.
"""

import json
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from hashlib import sha256
from itertools import chain, combinations
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
KINDS = ("servers", "slow", "alone", "long")
FORMS = [frozenset(form) for count in range(len(KINDS) + 1) for form in combinations(KINDS, count)]
WORDS = re.compile(r"\w+")
PLAIN = re.compile(r"[\w\s()]+")
# `pytestmark` on one line, or a list on several.
MODULE_MARKS = re.compile(r"^pytestmark = (?:\[\n(?:.*\n)*?\]|.*)", re.MULTILINE)
MARK = re.compile(r"pytest\.mark\.(\w+)")
NOT_SOURCES = frozenset({"node_modules", "__pycache__", "generated", "static"})

Forms = frozenset[frozenset[str]]


class SelectedFiles:
    """The files of a command that may hold a selected test.

    `known`: the kinds of each file's tests, of an earlier collection.
    """

    def __init__(self, expression: str, known: Mapping[str, Forms], named: Iterable[Path] = ()) -> None:
        self._selected = selected_forms(expression)
        self._known, self._named = known, frozenset(named)

    def may_have(self, path: Path) -> bool:
        """Whether a file may hold a selected test."""
        if path in self._named or not path.name.startswith("test_"):
            return True
        forms = self._known.get(relative(path))
        return not self._selected.isdisjoint(forms_of_marks(path.read_text()) if forms is None else forms)


def selected_forms(expression: str) -> Forms:
    """Return the combinations of kinds that an expression of `-m` selects.

    All of them, where it has other words.
    """
    words = {*WORDS.findall(expression)} - {"and", "or", "not"}
    if not PLAIN.fullmatch(expression) or not words <= {*KINDS}:
        return frozenset(FORMS)
    code = compile(expression.strip(), "-m", "eval")
    return frozenset(form for form in FORMS if eval(code, {}, {kind: kind in form for kind in KINDS}))


def forms_of_marks(text: str) -> Forms:
    """Return the combinations of kinds that tests of a file can have, by its `pytestmark`."""
    found = MODULE_MARKS.search(text)
    marks = {*MARK.findall(found[0])} & {*KINDS} if found else set()
    return frozenset(form for form in FORMS if marks <= form)


def forms_to_json(forms: Mapping[str, Forms]) -> str:
    """Return the kinds by file as text."""
    return json.dumps({path: sorted(map(sorted, found)) for path, found in forms.items()})


def forms_from_json(text: str) -> dict[str, Forms]:
    """Return the kinds by file from `forms_to_json`."""
    return {path: frozenset(map(frozenset, found)) for path, found in json.loads(text).items()}


def relative(path: Path) -> str:
    """Return the path of a file within the project, with slashes."""
    return path.relative_to(ROOT).as_posix() if path.is_relative_to(ROOT) else str(path)


def fingerprint(root: Path) -> str:
    """Return a text that differs as soon as a Python file of the project does."""
    found = []
    for folder, folders, files in os.walk(root):
        folders[:] = [each for each in folders if each not in NOT_SOURCES and not each.startswith(".")]
        found += [Path(folder, each) for each in files if each.endswith(".py")]
    stats = ((path, path.stat()) for path in sorted(found))
    text = "\n".join(f"{path} {stat.st_mtime_ns} {stat.st_size}" for path, stat in stats)
    return sha256(text.encode()).hexdigest()[:16]


class CollectedKinds:
    """The kinds of each file's tests, as earlier commands have collected them.

    For one state of the sources.
    """

    def __init__(self, folder: Path, state: str) -> None:
        self._folder, self._state = folder, state

    def read(self) -> dict[str, Forms]:
        """Return the kinds by file."""
        notes = (each.read_text() for each in sorted(self._folder.glob(f"{self._state}-*.json")))
        return dict(chain.from_iterable(forms_from_json(note).items() for note in notes))

    def add(self, forms: Mapping[str, Forms]) -> None:
        """Note the kinds of files that were collected as a whole; forget those of other sources."""
        if forms.keys() <= self.read().keys():
            return
        for each in self._folder.glob("*.json"):
            if not each.name.startswith(f"{self._state}-"):
                each.unlink(missing_ok=True)
        file = self._folder / f"{self._state}-{os.getpid()}.json"
        # Two commands run side by side, and one may read while the other writes.
        part = file.with_suffix(".part")
        part.write_text(forms_to_json(forms))
        part.replace(file)


def kinds_by_file(items: Sequence[pytest.Item]) -> dict[str, Forms]:
    """Return the kinds of the tests of each file."""
    found: dict[str, set[frozenset[str]]] = {}
    for item in items:
        kinds = frozenset(kind for kind in KINDS if item.get_closest_marker(kind))
        found.setdefault(relative(item.path), set()).add(kinds)
    return {path: frozenset(forms) for path, forms in found.items()}
