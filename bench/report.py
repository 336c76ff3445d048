"""Writes the measured part of docs/performance.md, between two markers, and its plots."""

from collections.abc import Sequence
from itertools import chain
from pathlib import Path
from textwrap import wrap

from bench.plan import BenchPlan
from bench.plot import draw
from bench.processes import ROOT
from bench.results import Results
from bench.table import KEY, format_table
from bench.targets import KEY as TARGETS_KEY
from bench.targets import format_targets

BEGIN, END = "<!-- begin of what `make bench WRITE=1` writes -->", "<!-- end of it -->"
WIDTH = 120
PLOTS = {
    "subscribers": (
        "Cost of one update against its subscribers",
        "subscribers of the same symbol",
        "processor time per update, ms",
    ),
    "symbols": (
        "Cost of one answer against its rates",
        "rates in the answer",
        "processor time per answer, µs",
    ),
    "clients": (
        "Cost of one answer against clients with the same query",
        "clients that query the same 50 rates",
        "processor time per answer, µs",
    ),
}


def write_report(
    results: Results, about: Sequence[str], plan: BenchPlan, folder: Path = ROOT / "docs"
) -> None:
    """Replace the measured part of `performance.md` in `folder`, and the measured plots.

    Raises:
        ValueError: the page lacks the markers.
    """
    page = folder / "performance.md"
    text = page.read_text(encoding="utf-8")
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"{page}: expected the markers {BEGIN!r} and {END!r}")
    rounds = f"{plan.rounds} round{'s' * (plan.rounds > 1)}, medians"
    measured = [*about, f"{rounds}; {plan.seconds:g} s a figure.", "", *format_table(results), "", KEY, ""]
    measured += [*format_targets(results), "", TARGETS_KEY, ""]
    for name, (title, across, up) in PLOTS.items():
        if name in results.curves:
            (folder / f"performance-{name}.svg").write_text(
                draw(title, across, up, results.curves[name]), encoding="utf-8"
            )
        measured += [f"![{title}](performance-{name}.svg)", ""]
    lines = [before + BEGIN, "", *chain.from_iterable(map(_wrap, measured)), END + after]
    page.write_text("\n".join(lines), encoding="utf-8")


def _wrap(line: str) -> list[str]:
    """Break a line of text at the width of the documentation; rows of tables stay whole."""
    return [line] if line.startswith("|") else wrap(line, WIDTH, break_long_words=False) or [""]
