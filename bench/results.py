"""Results of all rounds: medians, and ratios within each round (machines change speed)."""

from collections import defaultdict
from dataclasses import dataclass, field
from statistics import median
from typing import NamedTuple

from bench.environment import Server

Targets = tuple[tuple[Server, float], ...]


@dataclass(frozen=True)
class Row:
    """One line of the table.

    `goal` is text for the table: the figure wanted on the reference machine. `targets` are checked: a minimum ratio to
    another server, or a bound on Ratewire's own figure. Rows of throughput are checked against another commit.
    """

    name: str
    unit: str
    more_is_better: bool = True
    goal: str = ""
    targets: Targets = ()
    is_throughput: bool = False


class CpuShares(NamedTuple):
    """Shares of a core: used by the server, lost to other processes, used by the load generator."""

    server: float
    waiting: float
    load: float


@dataclass
class Cell:
    """Samples of one server in one row: a figure and the CPU shares of each round."""

    values: list[float] = field(default_factory=list)
    shares: list[CpuShares] = field(default_factory=list)


class Results:
    """Rows in the order of their first measurement, and curves for the plots."""

    def __init__(self) -> None:
        self.rows: dict[Row, dict[Server, Cell]] = {}
        self.curves: dict[str, dict[str, dict[int, list[float]]]] = defaultdict(
            lambda: defaultdict(lambda: defaultdict(list))
        )

    def add(
        self,
        row: Row,
        server: Server,
        value: float,
        shares: CpuShares | None = None,
    ) -> None:
        """Add the figure of one round."""
        cell = self.rows.setdefault(row, {}).setdefault(server, Cell())
        cell.values.append(value)
        if shares is not None:
            cell.shares.append(shares)

    def add_point(self, curve: str, server: Server, at: int, value: float) -> None:
        """Add one point of a plot."""
        self.curves[curve][server.value][at].append(value)

    def merge(self, others: "Results") -> None:
        """Add the figures of other results."""
        for row, cells in others.rows.items():
            for server, theirs in cells.items():
                cell = self.rows.setdefault(row, {}).setdefault(server, Cell())
                cell.values += theirs.values
                cell.shares += theirs.shares
        for curve, servers in others.curves.items():
            for name, points in servers.items():
                for at, values in points.items():
                    self.curves[curve][name][at] += values

    def value(self, row: Row, server: Server) -> float | None:
        """Return the median over the rounds."""
        cell = self.rows[row].get(server)
        return median(cell.values) if cell else None

    def ratio(self, row: Row, other: Server) -> float | None:
        """Return the median over the rounds of Ratewire / `other`, inverted where less is better."""
        ratios = self.ratios(row, other)
        return median(ratios) if ratios else None

    def ratios(self, row: Row, other: Server) -> list[float]:
        """Return the same ratio of each round."""
        ours, theirs = self.rows[row].get(Server.RATEWIRE), self.rows[row].get(other)
        if ours is None or theirs is None:
            return []
        pairs = [
            (a, b) if row.more_is_better else (b, a) for a, b in zip(ours.values, theirs.values, strict=False)
        ]
        return [a / b for a, b in pairs if b > 0]

    def cpu_ratios(self, row: Row, other: Server) -> list[float]:
        """Return the ratio of what each did per CPU second in each round.

        Empty for a row that measured no CPU shares.
        """
        ours, theirs = self.rows[row].get(Server.RATEWIRE), self.rows[row].get(other)
        if ours is None or theirs is None or not row.more_is_better:
            return []
        per_cpu_s = [
            [
                value / share.server
                for value, share in zip(cell.values, cell.shares, strict=False)
                if share.server
            ]
            for cell in (ours, theirs)
        ]
        return [a / b for a, b in zip(*per_cpu_s, strict=False) if b > 0]

    def as_json(self) -> dict[str, object]:
        """Return all results for `--json`."""
        return {
            "rows": [
                {
                    "name": row.name,
                    "unit": row.unit,
                    "goal": row.goal,
                    "servers": {
                        server.value: {
                            "median": self.value(row, server),
                            "values": cell.values,
                            "shares": [each._asdict() for each in cell.shares],
                        }
                        for server, cell in cells.items()
                    },
                    "ratio_to_plain": self.ratio(row, Server.PLAIN),
                    "ratio_to_bare": self.ratio(row, Server.BARE),
                    "ratio_to_mercurius": self.ratio(row, Server.MERCURIUS),
                }
                for row, cells in self.rows.items()
            ],
            "curves": self.curves,
        }
