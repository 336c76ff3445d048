"""The observations of the viewers of a rolling restart, and its cost."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

LONGEST_S = 5.0


@dataclass(frozen=True)
class Seen:
    """The viewers of one library, since the count began."""

    library: str
    viewers: int
    events: int
    resumed: int
    """Subscriptions with a cursor."""
    never_resumed: int
    """Viewers without one: each lost its gateway at least once, so there must be none."""
    gaps: int
    unproved: int
    """Of those, the ones that were not told that nothing was missed."""
    given_up: tuple[str, ...]
    """Why viewers do not watch any more."""
    longest_s: float
    """The longest time of a viewer without an event."""
    beyond: int
    """Viewers that were without an event for longer than `LONGEST_S`."""


@dataclass(frozen=True)
class Restart:
    """The whole of it."""

    seen: tuple[Seen, ...]
    seconds: float
    cpu_s: dict[str, float]
    """CPU time by process during the restart."""
    generator_share: float
    """Of a core, that the load generator used; its times count below 0.8."""
    codes: dict[str, int]
    """Closes that the load generator saw, by code; 1006 is a lost connection."""
    refused: int
    """New subscriptions that the gateways refused."""
    longest_join_queue: int
    logs: dict[str, str]
    """The output of nginx and of each gateway process."""

    def losses(self) -> list[str]:
        """Events that must not happen, however slow the machine is."""
        found = []
        for each in self.seen:
            found += [f"{each.library}: {reason}" for reason in each.given_up]
            found += [f"{each.library}: {each.gaps} GAPs"] * (each.gaps > 0)
            found += [f"{each.library}: {each.unproved} resumed without proof"] * (each.unproved > 0)
            found += [f"{each.library}: {each.never_resumed} did not resume"] * (each.never_resumed > 0)
        return found

    def table(self) -> str:
        """The table in Markdown."""
        rows: list[Sequence[object]] = [
            (
                *(each.library, each.viewers, each.events, each.resumed, each.gaps, len(each.given_up)),
                *(f"{each.longest_s:.1f} s", each.beyond),
            )
            for each in self.seen
        ]
        titles = ("viewers of", "number", "events", "resumed", "GAPs", "given up", "longest silence", "> 5 s")
        cost = ", ".join(f"{name} {seconds:.1f} s" for name, seconds in self.cpu_s.items())
        return "\n".join(
            [
                *_format_rows([titles, ["---"] * len(titles), *rows]),
                "",
                f"restart of two gateways: {self.seconds:.0f} s; CPU: {cost}",
                f"load generator: {self.generator_share:.0%} of a core, closes by code: {self.codes}",
                f"joins refused: {self.refused}, waiting at most: {self.longest_join_queue}",
            ]
        )


def _format_rows(rows: Iterable[Sequence[object]]) -> list[str]:
    return [f"| {' | '.join(map(str, row))} |" for row in rows]
