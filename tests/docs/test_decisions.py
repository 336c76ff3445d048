"""Decisions are cited by their numbers."""

import re

from tests.docs.pages import ROOT


def test_each_decision_has_a_number_of_its_own_and_says_it() -> None:
    """In its file's name and in its heading; three once had the same."""
    files = sorted((ROOT / "docs" / "decisions").glob("*.md"))
    numbers = [int(file.name[:4]) for file in files]
    headings = [re.match(r"# (\d+)\b", file.read_text(encoding="utf-8")) for file in files]
    assert len(set(numbers)) == len(numbers)
    assert [heading and int(heading[1]) for heading in headings] == numbers
