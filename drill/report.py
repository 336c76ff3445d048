"""The drill's report, as a table and as JSON."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Any, TypeAlias

from rich.console import Console
from rich.table import Table

from drill.fault_run import StepOutcome
from drill.minute_truth import KEPT, MinuteCounts

MAX_REASON_CHARS = 60

ClientCounts: TypeAlias = Mapping[str, Any]  # the simulator's JSON: numbers, maps and lists by counter


def merge_client_counts(simulators: Sequence[ClientCounts]) -> dict[str, Any]:
    """Merge the counters of several simulators for one source: sums, and maxima of `most_*`."""
    found: dict[str, Any] = {}
    for name, first in simulators[0].items():
        counts = [each[name] for each in simulators]
        if isinstance(first, dict):
            found[name] = dict(sum(map(Counter, counts), Counter()))
        elif isinstance(first, list):
            found[name] = list(chain.from_iterable(counts))
        else:
            found[name] = max(counts) if name.startswith("most_") else sum(counts)
    return found


@dataclass(frozen=True)
class DrillReport:
    """The results of a drill. `clients` holds the simulators' counters by source."""

    outcomes: Sequence[StepOutcome]
    clients: Mapping[str, ClientCounts]
    judged: int
    took_s: float
    other_misses: Sequence[str]
    minutes: MinuteCounts = field(default_factory=MinuteCounts)

    def misses(self) -> list[str]:
        """Everything that violated an expectation."""
        found = [f"{each.source} {each.step}: {miss}" for each in self.outcomes for miss in each.misses]
        for source, counted in self.clients.items():
            broken = [f"{times} x {limit}" for limit, times in counted["violations"].items()]
            if broken or counted["bans"]:
                found.append(f"{source}: limits broken: {', '.join(broken)}; bans {counted['bans']}")
        return [*found, *self.other_misses, *self.minutes.misses[:KEPT]]

    def as_json(self) -> dict[str, object]:
        """The report as JSON values."""
        return {
            "steps": [outcome.status() for outcome in self.outcomes],
            "clients": self.clients,
            "values_judged": self.judged,
            "minutes": str(self.minutes),
            "took_s": round(self.took_s, 1),
            "misses": self.misses(),
        }

    def show(self, console: Console) -> None:
        """Print the tables and the verdict."""
        console.print(_steps(self.outcomes))
        console.print(_clients(self.clients))
        misses = self.misses()
        for miss in misses:
            console.print(f"MISS {miss}", style="red", markup=False)
        if self.minutes.judged:
            console.print(f"history: {self.minutes}")
        verdict = f"{len(misses)} misses" if misses else "no miss"
        console.print(
            f"{len(self.outcomes)} steps in {self.took_s:.0f} s, {self.judged} values judged: {verdict}",
            style="red" if misses else "green",
        )


def _steps(outcomes: Sequence[StepOutcome]) -> Table:
    table = Table("source", "fault", "expected", "noticed", "state", "reason", "recovered", "")
    for each in sorted(outcomes, key=lambda outcome: outcome.source):
        table.add_row(
            each.source,
            each.step,
            each.expected,
            _seconds(each.noticed_s),
            each.state,
            (each.reason or "")[:MAX_REASON_CHARS],
            _seconds(each.recovered_s),
            "MISS" if each.misses else "ok",
            style="red" if each.misses else None,
        )
    return table


def _clients(clients: Mapping[str, ClientCounts]) -> Table:
    table = Table(
        "source", "attempts", "most a minute", "calls", "most a minute", "refused", "limits violated", "bans"
    )
    for source, counted in clients.items():
        broken = ", ".join(f"{times} x {limit}" for limit, times in counted["violations"].items())
        figures = ("attempts", "most_attempts_in_a_minute", "calls", "most_calls_in_a_minute", "refused")
        table.add_row(
            source, *(str(counted[name]) for name in figures), broken or "none", str(counted["bans"])
        )
    return table


def _seconds(value: float | None) -> str:
    return "" if value is None else f"{value:.1f} s"
