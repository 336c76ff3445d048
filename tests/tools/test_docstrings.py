"""The rules for the first line of a docstring."""

import pytest

from tools.docstrings import find_problems


@pytest.mark.parametrize(
    "line",
    ["Return the rate.", "A rate of one source.", "w" * 90, "However late, send it.", "Whole seconds."],
)
def test_a_verb_or_a_noun_begins_a_docstring(line: str) -> None:
    """With up to 90 characters."""
    assert not list(find_problems(f'"""{line}\n\n{"w " * 60}"""\n'))


@pytest.mark.parametrize("line", ["Who publishes rates.", "What a client gets.", "how to wait", "w" * 91])
@pytest.mark.parametrize(
    ("form", "number"),
    [
        ('"""{}"""\n', 1),
        ('class A:\n    """{}"""\n', 2),
        ('r"""\n{}\n"""\n', 1),
        ('"""\\\n{}"""\n', 1),
        ('class A:\n    async def b(self):\n        """{}"""\n', 3),
    ],
)
def test_a_long_line_or_a_question_is_found(line: str, form: str, number: int) -> None:
    """In modules, classes and functions, with the line."""
    assert [found for found, _ in find_problems(form.format(line))] == [number]
