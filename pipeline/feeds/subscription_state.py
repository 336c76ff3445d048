"""The subscriptions of one connection, and the next control message that is due.

Pure; time is an argument.

A topic is the unit that a source subscribes: a product, or an instrument of a channel. Sources whose responses name topics settle
topics; sources whose responses name requests settle requests.
"""

import re
from bisect import bisect_right
from collections import deque
from collections.abc import Callable, Collection, Iterable, Sequence
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
    """One control message to send. `number` is unique within the connection."""

    number: int
    is_subscribe: bool
    topics: tuple[str, ...]


@dataclass(slots=True)
class _PendingChange:
    topics: set[str]
    sent_at: float
    size: int

    @property
    def is_ignored(self) -> bool:
        """Whether none of its several topics was answered. It may be too long for the source."""
        return 1 < self.size == len(self.topics)


EncodeChange = Callable[[SubscriptionChange], str]

# Binance ignores messages above 4,088 bytes without an answer. Most sources publish no limit; none that is known is lower.
MAX_MESSAGE_BYTES = 4000
# A message of several topics without an answer for this long is taken for ignored. Answers come within a second, and Coinbase closes
# connections that subscribed nothing after 5 s.
HALVE_AFTER_S = 3.0
# Without any answer in between. Then the connection is the cause, and a new one is better than an eighth of the topics.
MAX_HALVINGS = 3


@dataclass(slots=True)
class LearnedSize:
    """Size of messages as the connections to one source have learnt it.

    `topics`: as many were answered in one message after larger messages were ignored; `None` before that. At least an
    eighth of what the source allows: answers that came late must not make messages ever smaller.
    """

    topics: int | None = None


class SubscriptionState:
    """Subscriptions of one connection.

    `learned` is shared with the other connections to the source. `per_message`, `max_bytes`: topics and bytes of one message, as `encode` makes it. A message that is not answered at all is sent
    again in two halves, at most three times in a row. `answer_timeout` in seconds.
    """

    def __init__(
        self,
        source: Source,
        *,
        rates: Sequence[MessageRate],
        per_message: int,
        encode: EncodeChange,
        learned: LearnedSize | None = None,
        max_bytes: int = MAX_MESSAGE_BYTES,
        answer_timeout: float = 10.0,
    ) -> None:
        self._source = source
        self._rates = rates
        self._learned = learned or LearnedSize()
        self._least = max(1, per_message >> MAX_HALVINGS)
        self._per_message = min(per_message, self._learned.topics or per_message)
        self._encode = encode
        self._max_bytes = max_bytes
        self._answer_timeout = answer_timeout
        self._halvings = 0
        # Topics of messages that were sent again, by number: their answer may be late.
        self._ignored: dict[int, set[str]] = {}
        self._wanted: dict[str, None] = {}
        self._pending: dict[int, _PendingChange] = {}
        self._confirmed: set[str] = set()
        self._rejected: set[str] = set()
        self._leaving: dict[str, None] = {}
        self._alone: set[str] = set()
        self._sent_at: deque[float] = deque()
        self._number = 0

    def set_wanted(self, topics: Iterable[str]) -> None:
        """Set the topics to be subscribed."""
        self._wanted = dict.fromkeys(topics)
        # A rejected topic that is removed and added again is requested again.
        self._rejected.intersection_update(self._wanted)

    def next_change(self, now: float) -> SubscriptionChange | None:
        """Return the change that is due at `now`, if any. It counts as sent.

        Raises:
            SourceUnavailable: an earlier change was not answered in time, in smaller messages either.
        """
        self._halve_ignored(now)
        self._check_answers(now)
        if not self._may_send(now):
            return None
        return self._next_unsubscribe(now) or self._next_subscribe(now)

    def is_confirmed(self, topic: str) -> bool:
        """Return whether the source has confirmed that it pushes a topic."""
        return topic in self._confirmed

    def confirm(self, topics: Collection[str]) -> None:
        """Record that the source pushes these topics."""
        known = self._requested().intersection(topics)
        self._settle(topics)
        self._confirmed.update(known)

    def reject(self, topics: Collection[str]) -> list[str]:
        """Record that the source does not push these topics.

        Returns those that were requested or pushed.
        """
        rejected = [topic for topic in topics if topic in self._requested() or topic in self._confirmed]
        self._settle(rejected)
        self._confirmed.difference_update(rejected)
        self._rejected.update(rejected)
        return rejected

    def confirm_request(self, number: int | None) -> None:
        """Record that the source accepted message `number`, or the oldest one without a number."""
        if (topics := self._take_request(number)) is not None:
            self._confirmed.update(topics)

    def reject_request(self, number: int | None, reason: str) -> list[str]:
        """Record that the source rejected message `number`, or the oldest one.

        Returns the topics that are rejected.

                Those are the topics that `reason` names, or the only one of the message. If it names none, all are requested again one
        by one, so that one bad topic does not affect the others.
        """
        topics = self._take_request(number) or set()
        named = topics if len(topics) == 1 else {topic for topic in topics if mentions(reason, topic)}
        self._rejected.update(named)
        if not named:
            self._alone.update(topics)
        return sorted(named)

    def reject_all_of_request(self, number: int | None) -> list[str]:
        """Record that the source rejected all topics of message `number`, or of the oldest one."""
        topics = self._take_request(number) or set()
        self._rejected.update(topics)
        return sorted(topics)

    def retry_unanswered(self) -> None:
        """Request all topics without an answer again, because their message failed."""
        self._pending.clear()

    def resubscribe(self, topics: Iterable[str]) -> None:
        """Unsubscribe these topics and subscribe them again. Rejected ones are only subscribed."""
        for topic in topics:
            self._rejected.discard(topic)
            if topic in self._confirmed:
                self._confirmed.discard(topic)
                self._leaving[topic] = None

    def _next_subscribe(self, now: float) -> SubscriptionChange | None:
        known = self._confirmed | self._rejected | self._unanswered()
        new = [topic for topic in self._wanted if topic not in known]
        if not new:
            return None
        if lone := [topic for topic in new if topic in self._alone]:
            new = lone[:1]
        change = self._change(is_subscribe=True, topics=new, now=now)
        self._pending[change.number] = _PendingChange(set(change.topics), now, len(change.topics))
        return change

    def _next_unsubscribe(self, now: float) -> SubscriptionChange | None:
        gone = sorted(topic for topic in self._confirmed if topic not in self._wanted)
        leaving = [*self._leaving, *gone]
        if not leaving:
            return None
        change = self._change(is_subscribe=False, topics=leaving, now=now)
        self._confirmed.difference_update(change.topics)
        for topic in change.topics:
            self._leaving.pop(topic, None)
        return change

    def _change(self, *, is_subscribe: bool, topics: Sequence[str], now: float) -> SubscriptionChange:
        """Make the change of as many of the topics as one message may have, and at least of one."""
        self._number += 1
        self._sent_at.append(now)

        def first(count: int) -> SubscriptionChange:
            return SubscriptionChange(self._number, is_subscribe, tuple(topics[:count]))

        counts = range(1, min(len(topics), self._per_message) + 1)
        fitting = bisect_right(
            counts, self._max_bytes, key=lambda count: len(self._encode(first(count)).encode())
        )
        return first(max(1, fitting))

    def _may_send(self, now: float) -> bool:
        longest = max(rate.seconds for rate in self._rates)
        while self._sent_at and self._sent_at[0] <= now - longest:
            self._sent_at.popleft()
        return all(
            sum(sent_at > now - rate.seconds for sent_at in self._sent_at) < rate.count
            for rate in self._rates
        )

    def _halve_ignored(self, now: float) -> None:
        """Request the topics of messages without any answer again, half as many at once."""
        late = {
            number: one
            for number, one in self._pending.items()
            if one.is_ignored and one.sent_at + HALVE_AFTER_S < now
        }
        if not late:
            return
        half = max(one.size for one in late.values()) // 2
        if half < self._per_message:
            if self._halvings == MAX_HALVINGS:
                return
            self._halvings += 1
            self._per_message = half
        for number, one in late.items():
            del self._pending[number]
            self._ignored[number] = one.topics

    def _check_answers(self, now: float) -> None:
        late = [one for one in self._pending.values() if one.sent_at + self._answer_timeout < now]
        if late:
            some = ", ".join(sorted(late[0].topics)[:3])
            raise SourceUnavailable(
                self._source, f"no answer to the subscription of {some} in {self._answer_timeout:g} s"
            )

    def _unanswered(self) -> set[str]:
        return set().union(*(one.topics for one in self._pending.values()))

    def _requested(self) -> set[str]:
        """Return the topics that await an answer, or whose answer may still come late."""
        return self._unanswered().union(*self._ignored.values())

    def _settle(self, topics: Collection[str]) -> None:
        if topics:
            self._record_answer()
        for number, one in list(self._pending.items()):
            one.topics.difference_update(topics)
            if not one.topics:
                del self._pending[number]

    def _take_request(self, number: int | None) -> set[str] | None:
        if number is None:
            number = next(iter(self._pending), None)
        if number is None:
            return None
        pending = self._pending.pop(number, None)
        if pending is not None:
            self._record_answer()
            return pending.topics
        self._halvings = 0
        return self._ignored.pop(number, None)

    def _record_answer(self) -> None:
        """Record that the endpoint answers messages of the present size."""
        if self._halvings:
            self._learned.topics = max(self._per_message, self._least)
        self._halvings = 0


def mentions(text: str, topic: str) -> bool:
    """Return whether `text` names the topic itself, and not only a longer one that contains it."""
    return re.search(rf"(?<![\w-]){re.escape(topic)}(?![\w-])", text) is not None
