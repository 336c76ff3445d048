"""Links of the documentation lead somewhere: to a file of the project, and to a heading that is there."""

import re
import subprocess
from pathlib import Path

import pytest

from tests.docs.pages import ROOT

_LINK = re.compile(r"(?<!\!)\[[^\]]*\]\(([^)\s]+)\)|!\[[^\]]*\]\(([^)\s]+)\)")
_CODE = re.compile(r"^```.*?^```$|`[^`\n]*`", re.MULTILINE | re.DOTALL)
# What people read; the licences of third-party parts are as their authors wrote them.
PAGES = [
    ROOT / name
    for name in subprocess.run(
        ["git", "ls-files", "*.md"], cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout.split()
    if Path(name).name != "licenses.md"
]


def anchors(page: Path) -> set[str]:
    """The names under which a page's headings can be linked to, by GitHub's rule."""
    headings = re.findall(
        r"^#+ (.+)$",
        re.sub(r"^```.*?^```$", "", page.read_text(), flags=re.MULTILINE | re.DOTALL),
        re.MULTILINE,
    )
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_of_the_page_leads_somewhere(page: Path) -> None:
    """Files and headings of ours; addresses on the web are named but not visited."""
    links = [first or second for first, second in _LINK.findall(_CODE.sub("", page.read_text()))]
    for link in links:
        if re.match(r"https?://|mailto:", link):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), f"{link}: no such file"
        assert target.is_relative_to(ROOT), f"{link}: outside the project"
        if anchor:
            assert anchor in anchors(target), f"{link}: no such heading in {target.name}"


def test_there_are_pages() -> None:
    """A check of nothing would always pass."""
    assert len(PAGES) > 20
