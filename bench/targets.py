"""The table of targets: each target of a measured row, the figure, and whether it was met."""

from bench.environment import Server
from bench.results import Results, Row
from bench.table import align, format_number

HEADINGS = ("", "target", "measured", "")
# Not measured without `--peers`.
OPTIONAL = frozenset({Server.MERCURIUS})
KEY = "x: Ratewire / the other server in the same round. Targets hold for a machine without other load."


def format_targets(results: Results) -> list[str]:
    """Return the lines of a Markdown table with every target of the measured rows."""
    cells = [
        (row.name, *_evaluate(results, row, against, bound))
        for row in results.rows
        for against, bound in row.targets
        if against not in OPTIONAL or against in results.rows[row]
    ]
    return align([HEADINGS, *cells]) if cells else []


def _evaluate(results: Results, row: Row, against: Server, bound: float) -> tuple[str, str, str]:
    if against is Server.RATEWIRE:
        is_minimum, measured, unit = row.more_is_better, results.value(row, against), row.unit
    else:
        is_minimum, measured, unit = True, results.ratio(row, against), f"x {against.value}"
    target = f"{'≥' if is_minimum else '≤'} {format_number(bound)} {unit}"
    if measured is None:
        return target, "-", "not measured"
    is_met = measured >= bound if is_minimum else measured <= bound
    return target, f"{format_number(measured)} {unit}", "met" if is_met else "**missed**"
