"""Comparison with another commit: its scenarios, and the table of ratios."""

from collections.abc import Iterator
from functools import partial
from statistics import median, quantiles

from bench.environment import Server
from bench.results import Results, Row
from bench.scenarios.deliveries import measure_lists, measure_same
from bench.scenarios.ingest import measure_flat_out
from bench.scenarios.queries import COUNTS, measure_heads, measure_new_variables, measure_query
from bench.scenarios.registry import SYMBOLS, Entry
from bench.table import align, format_number, format_shares

PAIR = (Server.RATEWIRE, Server.OTHER)
COMPARED: dict[str, Entry] = {
    **{f"query-{count}": Entry(partial(measure_query, count=count), PAIR, SYMBOLS) for count in COUNTS},
    "query-heads": Entry(measure_heads, PAIR, SYMBOLS),
    "query-new": Entry(measure_new_variables, PAIR, SYMBOLS),
    "same": Entry(measure_same, PAIR, SYMBOLS),
    "lists": Entry(measure_lists, PAIR, SYMBOLS),
    "ingest": Entry(measure_flat_out, PAIR, 0),
}
MINIMUM_RATIO = 0.95
# Above that the figures are those of a machine with other load.
MAX_WAITING = 0.05
HEADINGS = ("", "this", "other", "this / other", "middle half", "by CPU time", "", "% of a core")
KEY = (
    "this / other: median of the ratios of the rounds, more is better; middle half: their quartiles. By CPU time: the same of "
    "deliveries or answers per CPU second of the server, which other load on the machine affects less. % of a core, per server: "
    "used by the server + lost to other processes / used by the load generator."
)


def format_comparison(results: Results) -> list[str]:
    """Return the lines of a Markdown table, and a warning where other load disturbed the run."""
    lines = align([HEADINGS, *(_format_row(results, row) for row in results.rows)])
    waiting = max(_waiting(results), default=0.0)
    if waiting > MAX_WAITING:
        lines += [
            "",
            f"Other processes had the server's core for up to {100 * waiting:.0f} % of a window: repeat on a quiet machine.",
        ]
    return lines


def missed_rows(results: Results) -> list[str]:
    """Return the names of the throughput rows below the minimum ratio."""
    rows = (row for row in results.rows if row.is_throughput)
    return [row.name for row in rows if (results.ratio(row, Server.OTHER) or 0) < MINIMUM_RATIO]


def _format_row(results: Results, row: Row) -> tuple[str, ...]:
    cells, ratios = results.rows[row], results.ratios(row, Server.OTHER)
    verdict = ""
    if row.is_throughput and ratios:
        verdict = f"≥ {MINIMUM_RATIO}: " + ("met" if median(ratios) >= MINIMUM_RATIO else "**missed**")
    return (
        f"{row.name} ({row.unit})",
        format_number(results.value(row, Server.RATEWIRE)),
        format_number(results.value(row, Server.OTHER)),
        format_number(results.ratio(row, Server.OTHER)),
        _format_quartiles(ratios),
        format_number(results.cpu_ratio(row, Server.OTHER)),
        verdict,
        " · ".join(format_shares(cells[each]) for each in PAIR if each in cells and cells[each].shares),
    )


def _format_quartiles(ratios: list[float]) -> str:
    if len(ratios) < 2:
        return "-"
    low, _, high = quantiles(ratios, method="inclusive")
    return f"{low:.3f} - {high:.3f} of {len(ratios)}"


def _waiting(results: Results) -> Iterator[float]:
    for row, cells in results.rows.items():
        if row.is_throughput:
            yield from (
                median(share.waiting for share in cell.shares) for cell in cells.values() if cell.shares
            )
