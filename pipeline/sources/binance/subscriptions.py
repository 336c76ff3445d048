"""What a stream connection is subscribed to, and the control messages that bring it to what is wanted. Pure."""

from collections.abc import Iterable
from datetime import datetime, timedelta

import msgspec

from pipeline.sources.binance.messages import StreamAnswer
from rates.errors import SourceProtocolError, SourceUnavailable
from rates.source import Source

# Five control messages a second are allowed, pings and pongs included; one per 300 ms is never refused.
PACE = timedelta(milliseconds=300)
# As many names as fit a frame of a few KB.
NAMES_PER_MESSAGE = 200
ANSWER_TIMEOUT = timedelta(seconds=10)


class Subscriptions:
    """One connection's. Says what to send next, and not too often."""

    def __init__(self) -> None:
        self._subscribed: set[str] = set()
        self._unanswered: dict[int, datetime] = {}
        self._next_id = 1
        self._not_before: datetime | None = None

    def next_message(self, wanted: Iterable[str], now: datetime) -> str | None:
        """The control message to send at `now`, if one is due; it counts as sent.

        Raises:
            SourceUnavailable: an earlier one has not been answered for 10 s.
        """
        if any(sent_at + ANSWER_TIMEOUT < now for sent_at in self._unanswered.values()):
            raise SourceUnavailable(Source.BINANCE, "no answer to a SUBSCRIBE or UNSUBSCRIBE within 10 s")
        if self._not_before is not None and now < self._not_before:
            return None
        wanted_names = dict.fromkeys(wanted)
        if gone := [name for name in self._subscribed if name not in wanted_names][:NAMES_PER_MESSAGE]:
            self._subscribed.difference_update(gone)
            return self._message("UNSUBSCRIBE", gone, now)
        if new := [name for name in wanted_names if name not in self._subscribed][:NAMES_PER_MESSAGE]:
            self._subscribed.update(new)
            return self._message("SUBSCRIBE", new, now)
        return None

    def settle(self, answer: StreamAnswer) -> None:
        """Take the answer to a control message.

        Raises:
            SourceProtocolError: it was refused.
        """
        if answer.error is not None:
            raise SourceProtocolError(Source.BINANCE, f"a subscription was refused: {answer.error[:160]}")
        if answer.id is not None:
            self._unanswered.pop(answer.id, None)

    def _message(self, method: str, names: list[str], now: datetime) -> str:
        number, self._next_id = self._next_id, self._next_id + 1
        self._unanswered[number] = now
        self._not_before = now + PACE
        return msgspec.json.encode({"method": method, "params": names, "id": number}).decode()
