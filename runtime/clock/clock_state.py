"""The state of a process's clock, for readiness, health and metrics."""

from datetime import timedelta

from runtime.clock.selection import Basis, ClockSelection

# Smaller differences are corrected and measured, but not worth a sentence.
NAMED_FROM_S = 5.0
_STEP = timedelta(milliseconds=100)


class ClockState:
    """The last selection, in words.

    `max_skew`: how far the machine's clock may be off. Without a measurement, the clock counts as right. Without a server, the
    machine's clock is compared with itself before it stepped.
    """

    def __init__(self, max_skew: timedelta = timedelta(minutes=10), *, has_server: bool = True) -> None:
        self.max_skew, self._has_server = max_skew, has_server
        self.selection: ClockSelection | None = None

    @property
    def skew(self) -> timedelta:
        """The lead of this machine's clock over the corrected one, to a tenth of a second."""
        return round_span(0.0 if self.selection is None else self.selection.own_skew_s)

    @property
    def server_skew(self) -> timedelta | None:
        """The lead of Redis' clock over the corrected one; `None` if it was not measured."""
        skew_s = None if self.selection is None or not self._has_server else self.selection.server_skew_s
        return None if skew_s is None else round_span(skew_s)

    @property
    def is_certain(self) -> bool:
        """Whether something told which clock is right."""
        return self.selection is None or self.selection.is_certain

    @property
    def is_fit(self) -> bool:
        """Whether the clock is near enough to be corrected."""
        selection, limit_s = self.selection, self.max_skew.total_seconds()
        if selection is None:
            return True
        doubt_s = 0.0 if selection.is_certain else _distance_s(selection)
        return abs(selection.own_skew_s) <= limit_s and doubt_s <= limit_s

    @property
    def problem(self) -> str | None:
        """The clocks that are wrong, in words; `None` if all agree."""
        found = [] if self.selection is None else _describe_sources(self.selection)
        return "; ".join(filter(None, (self.machine_problem, *found))) or None

    @property
    def machine_problem(self) -> str | None:
        """Like `problem`, without the clocks of sources."""
        found = (
            [] if self.selection is None else _describe_clocks(self.selection, has_server=self._has_server)
        )
        if not self.is_fit:
            found.append(
                f"at most {self.max_skew.total_seconds():g} s are corrected (RATEWIRE_MAX_CLOCK_SKEW_S)"
            )
        return "; ".join(found) or None


def round_span(seconds: float) -> timedelta:
    """Round to a tenth of a second, below which measurements differ from each other."""
    return round(seconds * 10) * _STEP


def describe_skew(skew_s: float) -> str:
    """Return `300 s ahead of` or `300 s behind`."""
    return f"{abs(skew_s):.0f} s {'ahead of' if skew_s > 0 else 'behind'}"


def _describe_clocks(selection: ClockSelection, *, has_server: bool) -> list[str]:
    own_s, server_s = selection.own_skew_s, selection.server_skew_s
    reference = "Redis'" if has_server else "itself before it stepped"
    if not selection.is_certain and server_s is not None:
        if _distance_s(selection) < NAMED_FROM_S:
            if abs(own_s) < NAMED_FROM_S:
                return []
            said = describe_skew(own_s)
            return [
                f"this machine's clock is {said} the time before a step, and no source tells which is right"
            ]
        said = describe_skew(own_s - server_s)
        return [
            f"this machine's clock is {said} {reference}, and no source tells which is right: ages are by the later one"
        ]
    found = []
    sources = ", ".join(source.name for source in selection.witnesses)
    if abs(own_s) >= NAMED_FROM_S:
        others = [reference] if server_s is not None and abs(server_s) < NAMED_FROM_S else []
        if sources or selection.basis is Basis.SOURCES:
            others.append(f"the sources' ({sources})" if sources else "the sources'")
        found.append(f"this machine's clock is {describe_skew(own_s)} {' and '.join(others)}")
    if has_server and server_s is not None and abs(server_s) >= NAMED_FROM_S:
        others = ["this machine's"] if abs(own_s) < NAMED_FROM_S else []
        if sources or selection.basis is Basis.SOURCES:
            others.append(f"the sources' ({sources})" if sources else "the sources'")
        found.append(f"Redis' clock is {describe_skew(server_s)} {' and '.join(others)}")
    if selection.late_s:
        found.append(
            f"all sources are at least {selection.late_s:.0f} s late: is this machine's clock ahead?"
        )
    return found


def _describe_sources(selection: ClockSelection) -> list[str]:
    return [
        f"the clock of {source.name} is {ahead_s:.0f} s ahead" for source, ahead_s in selection.ahead.items()
    ]


def _distance_s(selection: ClockSelection) -> float:
    server_s = selection.server_skew_s
    return 0.0 if server_s is None else abs(selection.own_skew_s - server_s)
