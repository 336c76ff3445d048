"""The glossary uses the names of the code."""

import re

from tests.docs.pages import ROOT

GLOSSARY = ROOT / "docs" / "glossary.md"
PACKAGES = ("rates", "cache", "instruments", "history", "access", "pipeline", "gateway")
_CLASS_NAME = re.compile(r"`((?:[A-Z][a-z]+)+)`")
_CLASS = re.compile(r"^ *class (\w+)", re.MULTILINE)
_ENTRY = re.compile(r"^- \*\*(.+?)\*\*: ", re.MULTILINE)


def test_every_class_in_the_glossary_exists() -> None:
    """A class that is renamed is renamed in the glossary, too."""
    files = [file for package in PACKAGES for file in (ROOT / package).rglob("*.py")]
    known = {name for file in files for name in _CLASS.findall(file.read_text(encoding="utf-8"))}
    named = set(_CLASS_NAME.findall(GLOSSARY.read_text(encoding="utf-8")))
    assert {"Mirror", "Cohort"} <= named
    assert named <= known, f"no such class: {sorted(named - known)}"


def test_entries_are_short_and_defined_once() -> None:
    """An entry has at most three lines, and no term has two entries."""
    text = GLOSSARY.read_text(encoding="utf-8")
    terms = _ENTRY.findall(text)
    assert len(terms) == len(set(terms)) >= 20
    for entry in re.split(r"\n(?=- \*\*|## )", text)[1:]:
        if entry.startswith("- "):
            assert len(entry.strip().splitlines()) <= 3, entry
