"""The table of results: Ratewire beside the other servers of the same run."""

import math
from collections.abc import Sequence
from statistics import median

from bench.environment import Server
from bench.results import Cell, Results, Row

# The servers beside Ratewire, of which those that were measured have a column.
OTHERS = (Server.PLAIN, Server.BARE, Server.ASGI, Server.MERCURIUS)
# A load generator this busy, with a server that is not, was the bottleneck.
BUSY, NOT_BUSY = 0.9, 0.85
KEY = (
    "x: Ratewire / the other server in the same round, more is better; median of the rounds. % of a core, per server: "
    "used by the server + lost to other processes / used by the load generator."
)


def format_table(results: Results) -> list[str]:
    """Return the lines of a Markdown table, aligned for a terminal."""
    measured = {server for cells in results.rows.values() for server in cells}
    others = [each for each in OTHERS if each in measured or each in {Server.PLAIN, Server.BARE}]
    headings = ["", "Ratewire", "goal"]
    for each in others:
        headings += [each.value, "x"]
    return align([(*headings, "% of a core"), *(_format_row(results, row, others) for row in results.rows)])


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


def _format_row(results: Results, row: Row, others: Sequence[Server]) -> tuple[str, ...]:
    cells = results.rows[row]
    figures: list[str] = []
    for each in others:
        figures += [format_number(results.value(row, each)), format_number(results.ratio(row, each))]
    return (
        f"{row.name} ({row.unit})",
        format_number(results.value(row, Server.RATEWIRE)),
        row.goal,
        *figures,
        " · ".join(
            format_shares(cells[server]) for server in Server if server in cells and cells[server].shares
        ),
    )


def format_shares(cell: Cell) -> str:
    """Format the medians of the CPU shares, and mark a load generator at its limit."""
    server, waiting, load = (median(each) for each in zip(*cell.shares, strict=True))
    warning = " (load-bound)" if load > BUSY and server + waiting < NOT_BUSY else ""
    return f"{100 * server:.0f}+{100 * waiting:.0f}/{100 * load:.0f}{warning}"
