"""Files that a command of pytest collects."""

import os
from pathlib import Path

import pytest

from tests.selected_files import (
    FORMS,
    ROOT,
    CollectedKinds,
    SelectedFiles,
    fingerprint,
    forms_of_marks,
    kinds_by_file,
    selected_forms,
)

UNIT, SERVERS, SLOW = frozenset[str](), frozenset({"servers"}), frozenset({"slow"})
UNITS = "not servers and not slow and not alone and not long"
SIDE_BY_SIDE = "(servers or slow) and not alone and not long"


def test_an_expression_selects_combinations_of_kinds() -> None:
    """As pytest reads them."""
    assert selected_forms(UNITS) == {UNIT}
    assert selected_forms(SIDE_BY_SIDE) == {SERVERS, SLOW, SERVERS | SLOW}
    assert selected_forms("") == frozenset(FORMS) == selected_forms("not other")


@pytest.mark.parametrize(
    "text",
    [
        "pytestmark = pytest.mark.servers\n",
        'pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.servers]\n',
        "import x\n\npytestmark = [\n    pytest.mark.timeout(9),\n    pytest.mark.servers,\n]\n",
    ],
)
def test_a_mark_of_the_module_is_one_of_each_test(text: str) -> None:
    """Such a file has no unit test; whether one of its tests is of another kind as well is open."""
    forms = forms_of_marks(text)
    assert UNIT not in forms
    assert {SERVERS, SERVERS | {"long"}} <= forms


def test_marks_of_single_tests_say_nothing_of_the_others() -> None:
    """Nor does another mark of the module."""
    text = "pytestmark = pytest.mark.timeout(9)\n\n\n@pytest.mark.servers\ndef test_it() -> None: ...\n"
    assert forms_of_marks(text) == frozenset(FORMS)


def test_a_file_is_left_out_by_what_an_earlier_command_collected(tmp_path: Path) -> None:
    """Unless the command names it, or knows nothing of it."""
    file = ROOT / "tests" / "test_library_internals.py"
    known = {"tests/test_library_internals.py": frozenset({UNIT})}
    assert SelectedFiles(UNITS, known).may_have(file)
    assert not SelectedFiles(SIDE_BY_SIDE, known).may_have(file)
    assert SelectedFiles(SIDE_BY_SIDE, known, [file]).may_have(file)
    assert SelectedFiles(SIDE_BY_SIDE, {}).may_have(file)


def test_what_was_collected_is_known_until_a_source_changes(tmp_path: Path) -> None:
    """Two commands add what each has collected."""
    sources, notes = tmp_path / "sources", tmp_path / "notes"
    sources.mkdir()
    notes.mkdir()
    source = sources / "test_one.py"
    source.write_text("")
    before = fingerprint(sources)
    (notes / f"{before}-1.json").write_text('{"test_one.py": [["servers"]]}')
    collected = CollectedKinds(notes, before)
    collected.add({"test_two.py": frozenset({UNIT, SLOW})})
    assert collected.read() == {
        "test_one.py": frozenset({SERVERS}),
        "test_two.py": frozenset({UNIT, SLOW}),
    }
    os.utime(source, (1, 1))
    after = fingerprint(sources)
    assert after != before
    renewed = CollectedKinds(notes, after)
    assert renewed.read() == {}
    renewed.add({"test_one.py": frozenset({UNIT})})
    assert renewed.read() == {"test_one.py": frozenset({UNIT})}
    assert collected.read() == {}


def test_the_kinds_of_a_file_are_those_of_its_tests(request: pytest.FixtureRequest) -> None:
    """Those of this file are unit tests."""
    forms = kinds_by_file(request.session.items)
    assert forms["tests/tools/test_selected_files.py"] == {UNIT}
