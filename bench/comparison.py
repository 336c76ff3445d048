"""Comparisons with another commit, and of clients with keys and without.

Their scenarios, and the table of ratios.
"""

from collections.abc import Iterator
from functools import partial
from statistics import median, quantiles
from typing import NamedTuple

from bench.environment import Server
from bench.results import Results, Row
from bench.scenarios.deliveries import measure_lists, measure_same
from bench.scenarios.ingest import measure_compared
from bench.scenarios.queries import COUNTS, measure_heads, measure_new_variables, measure_query
from bench.scenarios.registry import SYMBOLS, Entry
from bench.table import align, format_number, format_shares


class Comparison(NamedTuple):
    """Two servers, and the least ratio of their throughput.

    What they do per CPU second counts, where that is known.
    """

    other: Server
    names: tuple[str, str]
    minimum: float


COMMITS = Comparison(Server.OTHER, ("this", "other"), 0.95)
# The same source tree: every client with a key and a budget, or nobody.
KEYS = Comparison(Server.OPEN, ("with keys", "without"), 0.90)
PAIR = (Server.RATEWIRE, Server.OTHER)
COMPARED: dict[str, Entry] = {
    **{f"query-{count}": Entry(partial(measure_query, count=count), PAIR, SYMBOLS) for count in COUNTS},
    "query-heads": Entry(measure_heads, PAIR, SYMBOLS),
    "query-new": Entry(measure_new_variables, PAIR, SYMBOLS),
    "same": Entry(measure_same, PAIR, SYMBOLS),
    "lists": Entry(measure_lists, PAIR, SYMBOLS),
    "ingest": Entry(measure_compared, PAIR, 0),
}
WITH_KEYS = {name: entry._replace(servers=(Server.RATEWIRE, Server.OPEN)) for name, entry in COMPARED.items()}
# Above that the figures are those of a machine with other load.
MAX_WAITING = 0.05
_KEY = (
    "By CPU time, which counts: the median, over the rounds, of the ratio of the deliveries or answers per CPU second of {0} and "
    "{1}, more is better; middle half: the quartiles. {0} / {1}: the same of those per second. Both servers share a core but in "
    "the first round, so each has half of it. % of a core, per server: used by the server + lost to other processes / used by "
    "the load generator."
)


def format_comparison(results: Results, comparison: Comparison = COMMITS) -> list[str]:
    """Return a Markdown table, its key, and a warning where other load disturbed the run."""
    ours, theirs = comparison.names
    headings = ("", ours, theirs, f"{ours} / {theirs}", "by CPU time", "middle half", "", "% of a core")
    lines = align([headings, *(_format_row(results, row, comparison) for row in results.rows)])
    waiting = max(_lost_to_others(results, comparison.other), default=0.0)
    if waiting > MAX_WAITING:
        lines += [
            "",
            f"Other processes had the server's core for up to {100 * waiting:.0f} % of a window: repeat on a quiet machine.",
        ]
    return [*lines, "", _KEY.format(ours, theirs)]


def missed_rows(results: Results, comparison: Comparison = COMMITS) -> list[str]:
    """Return the names of the throughput rows below the minimum ratio."""
    rows = (row for row in results.rows if row.is_throughput)
    return [row.name for row in rows if (_judged_ratio(results, row, comparison) or 0) < comparison.minimum]


def _judged_ratios(results: Results, row: Row, comparison: Comparison) -> list[float]:
    return results.cpu_ratios(row, comparison.other) or results.ratios(row, comparison.other)


def _judged_ratio(results: Results, row: Row, comparison: Comparison) -> float | None:
    ratios = _judged_ratios(results, row, comparison)
    return median(ratios) if ratios else None


def _format_row(results: Results, row: Row, comparison: Comparison) -> tuple[str, ...]:
    other = comparison.other
    cells, by_cpu_time = results.rows[row], results.cpu_ratios(row, other)
    judged = _judged_ratio(results, row, comparison) if row.is_throughput else None
    verdict = ""
    if judged is not None:
        verdict = f"≥ {comparison.minimum}: " + ("met" if judged >= comparison.minimum else "**missed**")
    return (
        f"{row.name} ({row.unit})",
        format_number(results.value(row, Server.RATEWIRE)),
        format_number(results.value(row, other)),
        format_number(results.ratio(row, other)),
        format_number(median(by_cpu_time) if by_cpu_time else None),
        _format_quartiles(_judged_ratios(results, row, comparison)),
        verdict,
        " · ".join(
            format_shares(cells[each])
            for each in (Server.RATEWIRE, other)
            if each in cells and cells[each].shares
        ),
    )


def _format_quartiles(ratios: list[float]) -> str:
    if len(ratios) < 2:
        return "-"
    low, _, high = quantiles(ratios, method="inclusive")
    return f"{low:.3f} - {high:.3f} of {len(ratios)}"


def _lost_to_others(results: Results, other: Server) -> Iterator[float]:
    """Iterate over the median share of the core, by row, that neither server had.

    One of them waited for it.
    """
    for row, cells in results.rows.items():
        if row.is_throughput and Server.RATEWIRE in cells and other in cells:
            pairs = list(zip(cells[Server.RATEWIRE].shares, cells[other].shares, strict=False))
            if pairs:
                yield median(ours.waiting - theirs.server for ours, theirs in pairs)
