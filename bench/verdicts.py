"""What was demanded beside what was reached: said by the figures, not by whoever writes the page."""

from bench.figures import Figures, Row
from bench.stage import Server
from bench.table import align, format_number

HEADINGS = ("", "demanded", "reached", "")
KEY = "x is against the other server in the same round. A verdict counts on a machine that did nothing else meanwhile."


def format_verdicts(figures: Figures) -> list[str]:
    """Lines of a Markdown table: every demand on a row that was measured."""
    cells = [
        (row.name, *_judge(figures, row, against, bound))
        for row in figures.rows
        for against, bound in row.demands
    ]
    return align([HEADINGS, *cells]) if cells else []


def _judge(figures: Figures, row: Row, against: Server, bound: float) -> tuple[str, str, str]:
    if against is Server.RATEWIRE:
        is_least, reached, unit = row.more_is_better, figures.value(row, against), row.unit
    else:
        is_least, reached, unit = True, figures.ratio(row, against), f"x {against.value}"
    demanded = f"{'≥' if is_least else '≤'} {format_number(bound)} {unit}"
    if reached is None:
        return demanded, "-", "not measured"
    is_met = reached >= bound if is_least else reached <= bound
    return demanded, f"{format_number(reached)} {unit}", "reached" if is_met else "**not reached**"
