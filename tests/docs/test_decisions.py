"""Decisions are cited by their numbers and state their date and status."""

import re
from datetime import date
from pathlib import Path

import pytest

from tests.docs.pages import ROOT

DECISIONS = sorted((ROOT / "docs" / "decisions").glob("*.md"))
_HEADER = re.compile(r"# \d+\. .+\n\nDate: (?P<date>\S+) · Status: (?P<status>.+)\n\n")
_STATUS = re.compile(r"accepted|superseded by \[decision \d+\]\(\d{4}-[a-z0-9-]+\.md\)")


def test_each_decision_has_a_number_of_its_own_and_says_it() -> None:
    """The number is in the file's name and in its heading; three decisions once had the same."""
    numbers = [int(file.name[:4]) for file in DECISIONS]
    headings = [re.match(r"# (\d+)\b", file.read_text(encoding="utf-8")) for file in DECISIONS]
    assert len(set(numbers)) == len(numbers)
    assert [heading and int(heading[1]) for heading in headings] == numbers


@pytest.mark.parametrize("file", DECISIONS, ids=lambda file: file.stem)
def test_each_decision_states_its_date_and_status(file: Path) -> None:
    """After the heading: an ISO date, and `accepted` or a link to the decision that replaced it."""
    header = _HEADER.match(file.read_text(encoding="utf-8"))
    assert header, "expected `Date: YYYY-MM-DD · Status: accepted` after the heading"
    assert date.fromisoformat(header["date"]) >= date(2026, 11, 22)
    assert _STATUS.fullmatch(header["status"]), f"unknown status: {header['status']}"
