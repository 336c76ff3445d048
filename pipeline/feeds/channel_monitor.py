"""Finds the channels of a connection that died while others of the same symbol go on.

Pure; times are monotonic seconds. A channel that says nothing is quiet or dead. It counts as dead only on evidence: it breaks
the cadence that its source documents, or another channel of the symbol shows what it should have said.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from rates.symbol import Symbol

# How long a channel may owe a message. Channels of one connection are milliseconds apart.
SILENT_AFTER_S = 10.0
# Multiple of the documented interval between two messages that makes a silence.
CADENCES_MISSED = 3
# A channel that stays silent is subscribed again at this interval.
RESUBSCRIBE_AGAIN_S = 60.0
CHECK_INTERVAL_S = 0.25

ChannelKey = tuple[str, str]


@dataclass(slots=True)
class _Channel:
    """One channel of a symbol.

    `since`: when it was first expected. `owed_since`: when another channel showed what this one has not sent.
    """

    since: float
    last: float | None = None
    owed_since: float | None = None
    problem: str = ""
    resubscribe_at: float = 0.0


class ChannelMonitor:
    """Monitors the channels of each symbol of one connection.

    Symbols are in the source's spelling. `cadences`: channel → documented seconds between two messages, whether something changes or not.
    """

    def __init__(self, cadences: Mapping[str, float] | None = None) -> None:
        self._cadences = cadences or {}
        self._channels: dict[ChannelKey, _Channel] = {}
        self._symbols: set[str] = set()
        self._now = 0.0
        self._last_message = 0.0
        self._check_at = 0.0

    def retain(self, symbols: Iterable[str]) -> None:
        """Forget all other symbols."""
        kept = set(symbols)
        self._symbols &= kept
        self._channels = {key: one for key, one in self._channels.items() if key[0] in kept}

    def advance(self, now: float) -> list[ChannelKey]:
        """Set the time of the messages that follow. Returns the channels to subscribe again."""
        self._now = now
        if now < self._check_at:
            return []
        self._check_at = now + CHECK_INTERVAL_S
        return [key for key, channel in self._channels.items() if self._check(key[1], channel)]

    def on_message(self, symbol: str, channel: str) -> None:
        """Record a message."""
        one = self._get(symbol, channel)
        one.last = self._last_message = self._now
        one.owed_since, one.problem = None, ""
        if symbol not in self._symbols:
            self._symbols.add(symbol)
            for name in self._cadences:
                self._get(symbol, name)

    def expect(self, symbol: str, channel: str) -> None:
        """Record that another channel showed what this one should have said, or is about to say."""
        one = self._get(symbol, channel)
        if one.owed_since is None:
            one.owed_since = self._now

    def settle(self, symbol: str, channel: str) -> None:
        """Record that another channel agrees with what this one said last."""
        one = self._channels.get((symbol, channel))
        if one is not None:
            one.owed_since = None

    def is_silent(self, symbol: str, channel: str) -> bool:
        """Return whether the channel counts as dead."""
        one = self._channels.get((symbol, channel))
        return one is not None and bool(one.problem)

    def silent(self) -> dict[str, str]:
        """Return symbol → the problem of its channels."""
        found: dict[str, str] = {}
        for (symbol, _), one in self._channels.items():
            if one.problem:
                found[symbol] = f"{found[symbol]}, {one.problem}" if symbol in found else one.problem
        return found

    def _get(self, symbol: str, channel: str) -> _Channel:
        one = self._channels.get((symbol, channel))
        if one is None:
            one = self._channels[symbol, channel] = _Channel(self._now)
        return one

    def _check(self, name: str, channel: _Channel) -> bool:
        """Update the problem of one channel. Returns whether to subscribe it again."""
        if not self._is_late(name, channel):
            channel.problem = ""
            return False
        if channel.problem and self._now < channel.resubscribe_at:
            return False
        channel.resubscribe_at = self._now + RESUBSCRIBE_AGAIN_S
        # The first text stays, because a counter of seconds would change the report each time.
        channel.problem = channel.problem or self._describe(name, channel)
        return True

    def _is_late(self, name: str, channel: _Channel) -> bool:
        if channel.owed_since is not None and self._now - channel.owed_since > SILENT_AFTER_S:
            return True
        cadence = self._cadences.get(name)
        if cadence is None:
            return False
        since = channel.since if channel.last is None else channel.last
        # Compared with the last message of any kind: a silence of the whole connection is no channel's.
        return self._last_message - since > max(CADENCES_MISSED * cadence, SILENT_AFTER_S)

    def _describe(self, name: str, channel: _Channel) -> str:
        if channel.last is None:
            return f"{name} never heard, in {self._now - channel.since:.0f} s"
        return f"{name} silent for {self._now - channel.last:.0f} s"


def by_symbol(problems: Mapping[str, str], symbols: Mapping[str, Symbol]) -> dict[Symbol, str]:
    """Key the problems of `ChannelMonitor.silent` by our symbols, given those by the source's."""
    return {symbols[name]: problem for name, problem in problems.items() if name in symbols}
