"""Figures of all rounds: medians, and ratios taken within a round, because the machine changes speed between rounds."""

from collections import defaultdict
from dataclasses import dataclass, field
from statistics import median
from typing import NamedTuple

from bench.stage import Server

Demands = tuple[tuple[Server, float], ...]


@dataclass(frozen=True)
class Row:
    """One line of the table. `target` is about what is to be reached on a machine like the first, in words; `demands` are what
    must be: the least ratio to another server, or a bound of Ratewire's own figure.
    """

    name: str
    unit: str
    more_is_better: bool = True
    target: str = ""
    demands: Demands = ()


class Shares(NamedTuple):
    """Of one core: what the server used, what it could have used but others had, what the load generator used."""

    server: float
    waiting: float
    load: float


@dataclass
class Cell:
    """One server in one row: a figure a round, and who was how busy."""

    values: list[float] = field(default_factory=list)
    shares: list[Shares] = field(default_factory=list)


class Figures:
    """Rows in the order in which they were first measured."""

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
        shares: Shares | None = None,
    ) -> None:
        """Note one round's figure."""
        cell = self.rows.setdefault(row, {}).setdefault(server, Cell())
        cell.values.append(value)
        if shares is not None:
            cell.shares.append(shares)

    def add_point(self, curve: str, server: Server, at: int, value: float) -> None:
        """Note one point of a plot."""
        self.curves[curve][server.value][at].append(value)

    def value(self, row: Row, server: Server) -> float | None:
        """The median over the rounds."""
        cell = self.rows[row].get(server)
        return median(cell.values) if cell else None

    def ratio(self, row: Row, other: Server) -> float | None:
        """Ratewire to `other`, more meaning better: the median of the ratios of the rounds."""
        ours, theirs = self.rows[row].get(Server.RATEWIRE), self.rows[row].get(other)
        if ours is None or theirs is None:
            return None
        pairs = [
            (a, b) if row.more_is_better else (b, a) for a, b in zip(ours.values, theirs.values, strict=False)
        ]
        ratios = [a / b for a, b in pairs if b > 0]
        return median(ratios) if ratios else None

    def as_json(self) -> dict[str, object]:
        """Everything, for `--json`."""
        return {
            "rows": [
                {
                    "name": row.name,
                    "unit": row.unit,
                    "target": row.target,
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
                }
                for row, cells in self.rows.items()
            ],
            "curves": self.curves,
        }
