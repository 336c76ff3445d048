"""What a stream connection is subscribed to, and the control messages that bring it to what is wanted. Pure."""

from collections.abc import Iterable, Sequence

import msgspec

from pipeline.sources.binance.messages import StreamResponse
from rates.errors import SourceUnavailable
from rates.source import Source

# Five messages a second are allowed, pings and pongs included. At one per half second no second sees more than three, which
# leaves room for a pong and a ping.
PACE_S = 0.5
# As many names as fit a frame of a few KB.
NAMES_PER_MESSAGE = 200
ANSWER_TIMEOUT_S = 10.0


class Subscriptions:
    """One connection's. Says what to send next, and not too often; times are seconds of a steady clock."""

    def __init__(self) -> None:
        self._wanted: dict[str, None] = {}
        self._subscribed: set[str] = set()
        self._stale: set[str] = set()
        self._refused: set[str] = set()
        self._unanswered: dict[int, tuple[float, Sequence[str]]] = {}
        self._next_id = 1
        self._not_before: float | None = None
        # Asked ten times a second, with a thousand names: most of the time there is nothing to look for.
        self._is_settled = True

    def want(self, names: Iterable[str]) -> None:
        """From now on exactly these."""
        self._wanted = dict.fromkeys(names)
        self._stale = {name for name in self._subscribed if name not in self._wanted}
        self._is_settled = False

    def resubscribe(self, names: Iterable[str]) -> None:
        """Unsubscribe these and subscribe them once more; try those again that were refused."""
        renewed = set(names)
        self._refused -= renewed
        self._stale |= renewed & self._subscribed
        self._is_settled = False

    def next_message(self, now: float) -> str | None:
        """The control message to send at `now`, if one is due; it counts as sent.

        Raises:
            SourceUnavailable: an earlier one has not been answered for 10 s.
        """
        if any(sent_at + ANSWER_TIMEOUT_S < now for sent_at, _ in self._unanswered.values()):
            raise SourceUnavailable(Source.BINANCE, "no answer to a SUBSCRIBE or UNSUBSCRIBE within 10 s")
        if self._is_settled or (self._not_before is not None and now < self._not_before):
            return None
        if gone := sorted(self._stale)[:NAMES_PER_MESSAGE]:
            self._stale.difference_update(gone)
            self._subscribed.difference_update(gone)
            return self._message("UNSUBSCRIBE", gone, now)
        known = self._subscribed | self._refused
        if new := [name for name in self._wanted if name not in known][:NAMES_PER_MESSAGE]:
            self._subscribed.update(new)
            return self._message("SUBSCRIBE", new, now)
        self._is_settled = True
        return None

    def settle(self, answer: StreamResponse) -> Sequence[str]:
        """Take the answer to a control message; the names that it refuses, which are not asked for again.

        An error in the documented shape has no id: it is the answer to the oldest message without one.
        """
        number = answer.id if answer.id is not None else min(self._unanswered, default=None)
        _, names = self._unanswered.pop(number, (0.0, ())) if number is not None else (0.0, ())
        if answer.error is None:
            return ()
        refused = [name for name in names if name in self._subscribed]
        self._subscribed.difference_update(refused)
        self._refused.update(refused)
        return refused

    def _message(self, method: str, names: Sequence[str], now: float) -> str:
        number, self._next_id = self._next_id, self._next_id + 1
        self._unanswered[number] = now, names
        self._not_before = now + PACE_S
        return msgspec.json.encode({"method": method, "params": names, "id": number}).decode()
