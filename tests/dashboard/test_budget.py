"""The size of what a visitor loads before the dashboard works."""

import gzip
import re
from pathlib import Path

from tests.dashboard.conftest import folder_of_pages

JS_BUDGET = 350 * 1024


def scripts_of(page: Path) -> set[Path]:
    """Every script that the page loads, imports of scripts included."""
    assets = page.parent / "assets"
    found: set[Path] = set()
    waiting = [assets / name for name in re.findall(r"/assets/([\w.-]+\.js)", page.read_text())]
    while waiting:
        script = waiting.pop()
        if script not in found:
            found.add(script)
            names = re.findall(r"[\"'`](?:\./|/?assets/)([\w.-]+\.js)[\"'`]", script.read_text())
            waiting += [assets / name for name in names]
    return found


def test_the_dashboards_scripts_are_below_350_kb_gzipped() -> None:
    """GraphiQL does not count: it is a page of its own."""
    scripts = scripts_of(folder_of_pages() / "index.html")
    assert scripts
    assert not any("monaco" in script.name for script in scripts)
    assert sum(len(gzip.compress(script.read_bytes())) for script in scripts) < JS_BUDGET


def test_the_pages_name_no_other_origin() -> None:
    """Every script, style, font and image is served by the gateway."""
    for page in folder_of_pages().glob("*.html"):
        assert re.findall(r"(?:src|href)=\"(?!/)[^\"]*", page.read_text()) == [], page.name
