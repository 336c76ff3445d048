"""Documentation pages name only files that exist."""

import re
from pathlib import Path

import pytest

from tests.docs.pages import ROOT

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
_PATH = re.compile(r"`([a-z_]+(?:/[a-z0-9_]+)+(?:\.(?:py|lua|csv|md)|/))`")


def paths_in(text: str) -> list[str]:
    """Return the paths of this project that a page writes as code; `septem` is a made-up source."""
    return [path for path in _PATH.findall(text) if "septem" not in path]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_path_on_the_page_exists(page: Path) -> None:
    """A path in backticks is a file or folder of the project: pages are updated when code moves."""
    missing = [path for path in paths_in(page.read_text(encoding="utf-8")) if not (ROOT / path).exists()]
    assert not missing, f"no such file: {missing}"


def test_paths_are_found() -> None:
    """The check of paths would pass if it found none."""
    assert paths_in("see `gateway/state/mirror.py`, `cache/` and `pipeline/feeds/`") == [
        "gateway/state/mirror.py",
        "pipeline/feeds/",
    ]
