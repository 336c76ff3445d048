"""docs/performance.md: the part between its two marks is written by a run; what people wrote around it stays."""

from collections.abc import Sequence
from pathlib import Path

from bench.figures import Figures
from bench.plan import Plan
from bench.plot import draw
from bench.processes import ROOT
from bench.table import KEY, format_table
from bench.verdicts import KEY as VERDICTS_KEY
from bench.verdicts import format_verdicts

BEGIN, END = "<!-- begin of what `make bench WRITE=1` writes -->", "<!-- end of it -->"
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
        "Cost of one answer against clients that ask the same",
        "clients that ask for the same 50 rates",
        "processor time per answer, µs",
    ),
}


def write_page(figures: Figures, about: Sequence[str], plan: Plan, folder: Path = ROOT / "docs") -> None:
    """Replace the measured part of `performance.md` in `folder`, and the plots that were measured.

    Raises:
        ValueError: the page has lost its marks.
    """
    page = folder / "performance.md"
    text = page.read_text(encoding="utf-8")
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"{page}: expected the marks {BEGIN!r} and {END!r}")
    rounds = f"{plan.rounds} round{'s' * (plan.rounds > 1)}, medians"
    measured = [*about, f"{rounds}; {plan.seconds:g} s a figure.", "", *format_table(figures), "", KEY, ""]
    measured += [*format_verdicts(figures), "", VERDICTS_KEY, ""]
    for name, (title, across, up) in PLOTS.items():
        if name in figures.curves:
            (folder / f"performance-{name}.svg").write_text(
                draw(title, across, up, figures.curves[name]), encoding="utf-8"
            )
        measured += [f"![{title}](performance-{name}.svg)", ""]
    page.write_text("\n".join([before + BEGIN, "", *measured, END + after]), encoding="utf-8")
