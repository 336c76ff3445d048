"""Selects the time to judge ages by, from several clocks and the sources' event times.

Pure. Offsets in seconds are those of `SteadyClock`: what is added to the monotonic clock. See docs/decisions/0037.
"""

from collections.abc import Mapping
from enum import Enum

import msgspec

from rates.source import Source

# Clocks nearer than this agree: a busy process reads them late.
AGREEMENT_S = 1.0
# Sources with a shorter TTL publish events within a second; a TTL of minutes is that of an average over a longer time.
PROMPT_TTL_S = 60.0
# How late the latest event of a minute may be of sources that publish at once.
PROMPT_LAG_S = 2.0
# How far the clocks of sources may be ahead before they refute ours; see RATEWIRE_INGEST_MAX_SKEW_S.
SOURCE_AHEAD_S = 10.0
# A source that is ahead by more than this of the next one is not followed: its own clock is wrong.
SOURCES_APART_S = 180.0
# Sources that are all later than this point to our clocks.
ALL_LATE_S = 30.0


class Basis(Enum):
    """The clock that was selected."""

    SERVER = "Redis'"
    OWN = "this machine's"
    SOURCES = "the sources'"
    LATER = "the later one, as nothing tells which is right"


class ClockSelection(msgspec.Struct, frozen=True, kw_only=True):
    """The selected time, and how far everybody is from it, in seconds: positive is ahead.

    `server_skew_s` is `None` without a measurement. `witnesses` are the sources that confirm the time, `ahead` those whose events
    come from the future by it. `late_s`: how late even the most prompt of several sources is.
    """

    offset_s: float
    basis: Basis
    own_skew_s: float
    server_skew_s: float | None = None
    witnesses: tuple[Source, ...] = ()
    ahead: Mapping[Source, float] = {}
    late_s: float = 0.0

    @property
    def is_certain(self) -> bool:
        """Whether something told which clock is right."""
        return self.basis is not Basis.LATER


def select_clock(
    own_s: float, server_s: float | None, sources: Mapping[Source, float], floor_s: float | None = None
) -> ClockSelection:
    """Select the time.

    `floor_s`: what was selected before; only a source can confirm that it was too late.

    It is never before both the own clock's and Redis': a value must not look younger than by each of them.
    """
    prompt = sorted((at for source, at in sources.items() if source.ttl_s <= PROMPT_TTL_S), reverse=True)
    offset_s, basis = _select_reading(own_s, server_s, prompt)
    ahead = sorted((at for at in sources.values() if at - offset_s > SOURCE_AHEAD_S), reverse=True)
    # One source may have a wrong clock itself, and so may two if more of them confirm ours.
    if len(ahead) > max(1, len(_confirm(offset_s, sources))):
        offset_s = ahead[0] if ahead[0] - ahead[1] <= SOURCES_APART_S else ahead[1]
        basis = Basis.SOURCES
    if floor_s is not None and offset_s < floor_s - AGREEMENT_S and not _confirm(offset_s, sources):
        offset_s, basis = floor_s, Basis.LATER
    return ClockSelection(
        offset_s=offset_s,
        basis=basis,
        own_skew_s=own_s - offset_s,
        server_skew_s=None if server_s is None else server_s - offset_s,
        witnesses=_confirm(offset_s, sources),
        ahead={source: at - offset_s for source, at in sources.items() if at - offset_s > SOURCE_AHEAD_S},
        late_s=offset_s - prompt[0] if len(prompt) > 1 and offset_s - prompt[0] > ALL_LATE_S else 0.0,
    )


def _confirm(offset_s: float, sources: Mapping[Source, float]) -> tuple[Source, ...]:
    """Return the sources whose latest events are of the present by this time."""
    return tuple(
        source
        for source, at in sorted(sources.items())
        if source.ttl_s <= PROMPT_TTL_S and abs(offset_s - at) <= PROMPT_LAG_S
    )


def _select_reading(own_s: float, server_s: float | None, prompt: list[float]) -> tuple[float, Basis]:
    """Select one of the two clocks. `prompt`: what sources prove, the latest first."""
    if server_s is None:
        return own_s, Basis.OWN
    if abs(own_s - server_s) <= AGREEMENT_S:
        return server_s, Basis.SERVER
    named = {own_s: Basis.OWN, server_s: Basis.SERVER}
    earlier, later = sorted(named)
    if prompt:
        proven = prompt[min(1, len(prompt) - 1)]
        if later - proven <= PROMPT_LAG_S:
            # Where the earlier one could be right as well, the later one makes nothing look younger than it is.
            return later, named[later]
        if proven - AGREEMENT_S <= earlier <= proven + PROMPT_LAG_S:
            return earlier, named[earlier]
    return later, Basis.LATER
