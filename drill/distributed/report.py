"""The table of the drill, on the terminal and in docs/chaos.md."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from rich.table import Table

from drill.distributed.expected_alerts import alerts_of
from drill.distributed.step import StepResult

BEGIN, END = "<!-- begin of what `make chaos WRITE=1` writes -->", "<!-- end of it -->"
COLUMNS = (
    "fault",
    "noticed after",
    "where",
    "alert",
    "longest without an event",
    "of real libraries",
    "GAPs",
    "queries failed",
    "recovered after",
    "",
)


@dataclass(frozen=True)
class ChaosReport:
    """The results of a drill. `tracebacks` counts those in the processes' logs."""

    results: Sequence[StepResult]
    subscribers: int
    took_s: float
    tracebacks: Mapping[str, int]

    def misses(self) -> list[str]:
        """Everything that violated an expectation."""
        return [f"{each.fault.name}: {miss}" for each in self.results for miss in each.misses]

    def show(self, console: Console) -> None:
        """Print the table and the verdict."""
        table = Table(*COLUMNS)
        for each in self.results:
            table.add_row(*_cells(each), style="red" if each.misses else None)
        console.print(table)
        for miss in self.misses():
            console.print(f"MISS {miss}", style="red", markup=False)
        for name, times in self.tracebacks.items():
            console.print(f"note: {times} tracebacks in the log of {name}", markup=False)
        console.print(self.verdict(), style="red" if self.misses() else "green")

    def verdict(self) -> str:
        """Return the sum of it in one line."""
        judged = sum(each.judged for each in self.results)
        held = sum(not each.misses for each in self.results)
        return f"{held} of {len(self.results)} faults held in {self.took_s:.0f} s, {judged:,} values judged"

    def write(self, page: Path) -> None:
        """Replace the measured part of the page.

        Raises:
            ValueError: the page lacks the markers.
        """
        before, begin, rest = page.read_text(encoding="utf-8").partition(BEGIN)
        _, end, after = rest.partition(END)
        if not begin or not end:
            raise ValueError(f"{page}: expected the markers {BEGIN!r} and {END!r}")
        lines = ["", *self._lines(), ""]
        page.write_text(f"{before}{BEGIN}\n{chr(10).join(lines)}\n{END}{after}", encoding="utf-8")

    def _lines(self) -> list[str]:
        rows = [COLUMNS, ("---",) * len(COLUMNS), *(_cells(each) for each in self.results)]
        misses = [f"- {miss}" for miss in self.misses()]
        return [
            f"{datetime.now(UTC):%d %B %Y}, {self.subscribers} subscribers. {self.verdict()}.",
            "",
            *(f"| {' | '.join(row)} |" for row in rows),
            *(["", "Not held:", "", *misses] if misses else []),
        ]


def _cells(each: StepResult) -> tuple[str, ...]:
    return (
        f"`{each.fault.name}` ({each.fault.what})",
        _seconds(each.noticed_s),
        (each.where or ("nothing to see" if each.fault.notice is None else "nowhere")).replace("|", "/"),
        ", ".join(alerts_of(each.fault.name)),
        f"{each.longest_s:.1f} s",
        _libraries(each),
        str(each.gaps),
        f"{each.failed} of {each.queries}",
        _seconds(each.recovered_s),
        "MISS" if each.misses else "holds",
    )


def _libraries(each: StepResult) -> str:
    if not each.libraries:
        return ""
    given_up = [seen.library for seen in each.libraries if seen.given_up]
    longest = max((seen.longest_s for seen in each.libraries if not seen.given_up), default=0.0)
    return f"{longest:.1f} s" + (f"; given up: {', '.join(given_up)}" if given_up else "")


def _seconds(value: float | None) -> str:
    return "" if value is None else f"{value:.1f} s"
