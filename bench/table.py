"""The table of results: Ratewire beside the other servers of the same run."""

import math
from collections.abc import Sequence
from statistics import median

from bench.environment import Server
from bench.results import Cell, Results, Row

HEADINGS = ("", "Ratewire", "goal", "plain Strawberry", "x", "bare limit", "x", "% of a core")
# A load generator this busy, with a server that is not, was the bottleneck.
BUSY, NOT_BUSY = 0.9, 0.85
KEY = (
    "x: Ratewire / the other server in the same round, more is better; median of the rounds. % of a core, per server: "
    "used by the server + lost to other processes / used by the load generator."
)


def format_table(results: Results) -> list[str]:
    """Return the lines of a Markdown table, aligned for a terminal."""
    return align([HEADINGS, *(_format_row(results, row) for row in results.rows)])


def align(cells: Sequence[Sequence[str]]) -> list[str]:
    """Return the lines of a Markdown table; the first row is its header."""
    widths = [max(len(each[column]) for each in cells) for column in range(len(cells[0]))]
    lines = [
        "| " + " | ".join(text.ljust(width) for text, width in zip(each, widths, strict=True)) + " |"
        for each in cells
    ]
    lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return lines


def format_number(value: float | None) -> str:
    """Format with three significant digits and thousands separators."""
    if value is None or math.isnan(value):
        return "-"
    if value == 0:
        return "0"
    digits = max(0, 2 - math.floor(math.log10(abs(value))))
    return f"{round(value, 2 - math.floor(math.log10(abs(value)))):,.{digits}f}"


def _format_row(results: Results, row: Row) -> tuple[str, ...]:
    cells = results.rows[row]
    return (
        f"{row.name} ({row.unit})",
        format_number(results.value(row, Server.RATEWIRE)),
        row.goal,
        format_number(results.value(row, Server.PLAIN)),
        format_number(results.ratio(row, Server.PLAIN)),
        format_number(results.value(row, Server.BARE)),
        format_number(results.ratio(row, Server.BARE)),
        " · ".join(
            format_shares(cells[server]) for server in Server if server in cells and cells[server].shares
        ),
    )


def format_shares(cell: Cell) -> str:
    """Format the medians of the CPU shares, and mark a load generator at its limit."""
    server, waiting, load = (median(each) for each in zip(*cell.shares, strict=True))
    warning = " (load-bound)" if load > BUSY and server + waiting < NOT_BUSY else ""
    return f"{100 * server:.0f}+{100 * waiting:.0f}/{100 * load:.0f}{warning}"
