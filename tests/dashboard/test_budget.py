"""The size of what a visitor loads before the dashboard works."""

import gzip
import re
from pathlib import Path

from tests.dashboard.conftest import folder_of_pages

JS_BUDGET = 200 * 1024
EMBED_BUDGET = 10 * 1024
# A message of the drawing library.
MARKET, INSTRUMENT = "Rates of all instruments", "instrument-head"
CHART_LIBRARY = "Cannot update oldest data"
_ANY_IMPORT = r"[\"'`](?:\./|/?assets/)([\w.-]+\.js)[\"'`]"
_STATIC_IMPORT = r"(?:from|import)\s*[\"'`]\./([\w.-]+\.js)[\"'`]"


def scripts_of(page: Path, imports: str = _ANY_IMPORT) -> set[Path]:
    """Every script that the page loads, imports of scripts included."""
    assets = page.parent / "assets"
    found: set[Path] = set()
    waiting = [assets / name for name in re.findall(r"/assets/([\w.-]+\.js)", page.read_text())]
    while waiting:
        script = waiting.pop()
        if script not in found:
            found.add(script)
            waiting += [assets / name for name in re.findall(imports, script.read_text())]
    return found


def view_of(text: str) -> set[Path]:
    """The scripts of a first view: the frame, and the view that has `text`, with its imports."""
    page = folder_of_pages() / "index.html"
    found = scripts_of(page, _STATIC_IMPORT)
    waiting = [script for script in scripts_of(page) if text in script.read_text()]
    assert waiting, text
    while waiting:
        script = waiting.pop()
        if script not in found:
            found.add(script)
            waiting += [script.parent / name for name in re.findall(_STATIC_IMPORT, script.read_text())]
    return found


def test_the_scripts_of_a_first_view_are_below_200_kb_gzipped() -> None:
    """Those of the market, and those of an instrument with its chart.

    GraphiQL is a page of its own.
    """
    page = folder_of_pages() / "index.html"
    assert not any("monaco" in script.name for script in scripts_of(page))
    for scripts in (view_of(MARKET), view_of(INSTRUMENT) | view_of(CHART_LIBRARY)):
        assert sum(len(gzip.compress(script.read_bytes())) for script in scripts) < JS_BUDGET


def test_the_market_does_without_the_scripts_of_the_chart() -> None:
    """They are loaded when an instrument is opened."""
    page = folder_of_pages() / "index.html"
    first = scripts_of(page, _STATIC_IMPORT)
    assert first < scripts_of(page)
    assert not any(CHART_LIBRARY in script.read_text() for script in first)
    assert any(CHART_LIBRARY in script.read_text() for script in scripts_of(page))


def test_the_elements_for_other_pages_are_at_most_10_kb_gzipped() -> None:
    """One script with both elements, the stream and all texts."""
    script = folder_of_pages() / "embed.js"
    assert len(gzip.compress(script.read_bytes())) <= EMBED_BUDGET
    assert re.findall(_ANY_IMPORT, script.read_text()) == []


def test_the_pages_name_no_other_origin() -> None:
    """Every script, style, font and image is served by the gateway."""
    for page in folder_of_pages().glob("*.html"):
        assert re.findall(r"(?:src|href)=\"(?!/)[^\"]*", page.read_text()) == [], page.name
