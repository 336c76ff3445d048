"""The table: figures beside those of the other servers of the same run."""

import math
from collections.abc import Sequence
from statistics import median

from bench.figures import Cell, Figures, Row
from bench.stage import Server

HEADINGS = ("", "Ratewire", "target", "plain Strawberry", "x", "bare limit", "x", "% of a core")
# A load generator this busy, facing a server that is not, has measured itself.
BUSY, NOT_BUSY = 0.9, 0.85
KEY = (
    "x is Ratewire against the other in the same round, above 1 being better; the median of the rounds. % of a core: for each "
    "server in turn, what it used + what it could have used but other processes had / what the load generator used."
)


def format_table(figures: Figures) -> list[str]:
    """Lines of a Markdown table, aligned for a terminal."""
    return align([HEADINGS, *(_format_row(figures, row) for row in figures.rows)])


def align(cells: Sequence[Sequence[str]]) -> list[str]:
    """Lines of a Markdown table; the first row is its head."""
    widths = [max(len(each[column]) for each in cells) for column in range(len(cells[0]))]
    lines = [
        "| " + " | ".join(text.ljust(width) for text, width in zip(each, widths, strict=True)) + " |"
        for each in cells
    ]
    lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return lines


def format_number(value: float | None) -> str:
    """Three significant digits, thousands set apart."""
    if value is None or math.isnan(value):
        return "-"
    if value == 0:
        return "0"
    digits = max(0, 2 - math.floor(math.log10(abs(value))))
    return f"{round(value, 2 - math.floor(math.log10(abs(value)))):,.{digits}f}"


def _format_row(figures: Figures, row: Row) -> tuple[str, ...]:
    cells = figures.rows[row]
    return (
        f"{row.name} ({row.unit})",
        format_number(figures.value(row, Server.RATEWIRE)),
        row.target,
        format_number(figures.value(row, Server.PLAIN)),
        format_number(figures.ratio(row, Server.PLAIN)),
        format_number(figures.value(row, Server.BARE)),
        format_number(figures.ratio(row, Server.BARE)),
        " · ".join(
            _format_shares(cells[server]) for server in Server if server in cells and cells[server].shares
        ),
    )


def _format_shares(cell: Cell) -> str:
    server, waiting, load = (median(each) for each in zip(*cell.shares, strict=True))
    warning = " (load-bound)" if load > BUSY and server + waiting < NOT_BUSY else ""
    return f"{100 * server:.0f}+{100 * waiting:.0f}/{100 * load:.0f}{warning}"
