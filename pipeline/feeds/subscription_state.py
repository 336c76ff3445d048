"""What one connection is subscribed to, topic by topic, and which change is due next. Pure: moments are arguments.

A topic is whatever a source subscribes: a product, an instrument of a channel. Sources whose answers name topics settle
topics; those whose answers name requests settle requests.
"""

import re
from collections import deque
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from rates.errors import SourceUnavailable
from rates.source import Source


@dataclass(frozen=True, slots=True)
class MessageRate:
    """At most `count` control messages in any `seconds`."""

    count: int
    seconds: float


@dataclass(frozen=True, slots=True)
class SubscriptionChange:
    """One control message to send; `number` tells it apart from all others of the connection."""

    number: int
    is_subscribe: bool
    topics: tuple[str, ...]


@dataclass(slots=True)
class _PendingChange:
    topics: set[str]
    at: float


class SubscriptionState:
    """One connection's. `per_message` topics go into one message; `answer_timeout` in seconds."""

    def __init__(
        self,
        source: Source,
        *,
        windows: Sequence[MessageRate],
        per_message: int,
        answer_timeout: float = 10.0,
    ) -> None:
        self._source = source
        self._windows = windows
        self._per_message = per_message
        self._answer_timeout = answer_timeout
        self._wanted: dict[str, None] = {}
        self._asked: dict[int, _PendingChange] = {}
        self._confirmed: set[str] = set()
        self._refused: set[str] = set()
        self._leaving: dict[str, None] = {}
        self._alone: set[str] = set()
        self._sent_at: deque[float] = deque()
        self._number = 0

    def want(self, topics: Iterable[str]) -> None:
        """From now on exactly these are wanted."""
        self._wanted = dict.fromkeys(topics)
        # What is wanted no more may be asked for again when it is wanted again.
        self._refused.intersection_update(self._wanted)

    def next_change(self, now: float) -> SubscriptionChange | None:
        """The change to ask for at `now` seconds, if one is due; it counts as asked.

        Raises:
            SourceUnavailable: an earlier one was not answered in time.
        """
        self._demand_answers(now)
        if not self._may_send(now):
            return None
        return self._leave(now) or self._enter(now)

    def confirm(self, topics: Collection[str]) -> None:
        """The source pushes these."""
        known = self._unanswered().intersection(topics)
        self._forget(topics)
        self._confirmed.update(known)

    def refuse(self, topics: Collection[str]) -> list[str]:
        """The source will not push these; those that were asked for or pushed are not asked for again."""
        refused = [topic for topic in topics if topic in self._unanswered() or topic in self._confirmed]
        self._forget(refused)
        self._confirmed.difference_update(refused)
        self._refused.update(refused)
        return refused

    def confirm_request(self, number: int | None) -> None:
        """The source does what message `number` asked for; without a number, the oldest one."""
        if (asked := self._request(number)) is not None:
            self._confirmed.update(asked)

    def reject_request(self, number: int | None, said: str) -> list[str]:
        """The source refused all of message `number`, or the oldest one; which topics it will not push.

        Those that `said` names, or the only one. The others are asked for again, one by one where none was named: one bad topic
        must not keep its neighbours out.
        """
        asked = self._request(number) or set()
        named = asked if len(asked) == 1 else {topic for topic in asked if names(said, topic)}
        self._refused.update(named)
        if not named:
            self._alone.update(asked)
        return sorted(named)

    def retry_unanswered(self) -> None:
        """Whatever is not answered yet failed with the rest of its message."""
        self._asked.clear()

    def resubscribe(self, topics: Iterable[str]) -> None:
        """Leave these and enter them once more; those that were refused just enter."""
        for topic in topics:
            self._refused.discard(topic)
            if topic in self._confirmed:
                self._confirmed.discard(topic)
                self._leaving[topic] = None

    def _enter(self, now: float) -> SubscriptionChange | None:
        known = self._confirmed | self._refused | self._unanswered()
        new = [topic for topic in self._wanted if topic not in known]
        if not new:
            return None
        if lone := [topic for topic in new if topic in self._alone]:
            new = lone[:1]
        change = self._change(is_subscribe=True, topics=new[: self._per_message], now=now)
        self._asked[change.number] = _PendingChange(set(change.topics), now)
        return change

    def _leave(self, now: float) -> SubscriptionChange | None:
        gone = [topic for topic in self._confirmed if topic not in self._wanted]
        leaving = [*self._leaving, *gone][: self._per_message]
        if not leaving:
            return None
        self._confirmed.difference_update(leaving)
        for topic in leaving:
            self._leaving.pop(topic, None)
        return self._change(is_subscribe=False, topics=leaving, now=now)

    def _change(self, *, is_subscribe: bool, topics: Sequence[str], now: float) -> SubscriptionChange:
        self._number += 1
        self._sent_at.append(now)
        return SubscriptionChange(self._number, is_subscribe, tuple(topics))

    def _may_send(self, now: float) -> bool:
        longest = max(window.seconds for window in self._windows)
        while self._sent_at and self._sent_at[0] <= now - longest:
            self._sent_at.popleft()
        return all(
            sum(sent_at > now - window.seconds for sent_at in self._sent_at) < window.count
            for window in self._windows
        )

    def _demand_answers(self, now: float) -> None:
        late = [asked for asked in self._asked.values() if asked.at + self._answer_timeout < now]
        if late:
            some = ", ".join(sorted(late[0].topics)[:3])
            raise SourceUnavailable(
                self._source, f"no answer to the subscription of {some} in {self._answer_timeout:g} s"
            )

    def _unanswered(self) -> set[str]:
        return set().union(*(asked.topics for asked in self._asked.values()))

    def _forget(self, topics: Collection[str]) -> None:
        for number, asked in list(self._asked.items()):
            asked.topics.difference_update(topics)
            if not asked.topics:
                del self._asked[number]

    def _request(self, number: int | None) -> set[str] | None:
        if number is None:
            number = next(iter(self._asked), None)
        asked = None if number is None else self._asked.pop(number, None)
        return None if asked is None else asked.topics


def names(said: str, topic: str) -> bool:
    """Whether `said` names the topic itself, and not just a longer one that contains it."""
    return re.search(rf"(?<![\w-]){re.escape(topic)}(?![\w-])", said) is not None
