"""Subscriptions of one connection: batches, rates, responses of both kinds, rejections."""

import itertools

import pytest

from pipeline.feeds.ping_timer import PingTimer
from pipeline.feeds.subscription_state import (
    LearnedSize,
    MessageRate,
    SubscriptionChange,
    SubscriptionState,
    mentions,
)
from rates.errors import SourceUnavailable
from rates.source import Source


def encode(change: SubscriptionChange) -> str:
    return ",".join(change.topics)


def topics(
    *wanted: str,
    per_message: int = 2,
    rates: tuple[MessageRate, ...] = (MessageRate(1, 1.0),),
    max_bytes: int = 4000,
    learned: LearnedSize | None = None,
) -> SubscriptionState:
    made = SubscriptionState(
        Source.OKX, rates=rates, per_message=per_message, encode=encode, max_bytes=max_bytes, learned=learned
    )
    made.set_wanted(wanted)
    return made


def drain(made: SubscriptionState, *, start: float = 0.0, seconds: int = 20) -> list[SubscriptionChange]:
    """Return all changes of so many seconds, polled once a second, without responses."""
    seen = (made.next_change(start + second) for second in range(seconds))
    return [change for change in seen if change]


def test_subscriptions_are_sent_in_batches_at_the_message_rate() -> None:
    """Two topics a message, one message a second."""
    made = topics("a", "b", "c")
    assert made.next_change(0.0) == SubscriptionChange(1, is_subscribe=True, topics=("a", "b"))
    assert made.next_change(0.5) is None
    assert made.next_change(1.0) == SubscriptionChange(2, is_subscribe=True, topics=("c",))
    assert made.next_change(3.0) is None


def test_every_message_rate_is_kept_while_topics_change_constantly() -> None:
    """Three an hour are three in any hour."""
    made = topics(rates=(MessageRate(1, 1.0), MessageRate(3, 3600.0)))
    sent = []
    for second in range(7300):
        made.set_wanted([f"{second // 2}"])
        if change := made.next_change(float(second)):
            sent.append(second)
            made.confirm(change.topics)
    assert len(sent) >= 6
    assert all(later - earlier >= 3600 for earlier, later in zip(sent, sent[3:], strict=False))


def test_removed_topics_are_unsubscribed() -> None:
    """Before new ones are subscribed, so that a full connection has room."""
    made = topics("a", "b")
    made.next_change(0.0)
    made.confirm({"a", "b"})
    made.set_wanted(["b", "c"])
    assert made.next_change(1.0) == SubscriptionChange(2, is_subscribe=False, topics=("a",))
    assert made.next_change(2.0) == SubscriptionChange(3, is_subscribe=True, topics=("c",))


def test_a_missing_answer_ends_the_connection() -> None:
    """Exactly the timeout is in time, later is not. The message names the topics."""
    made = topics("a")
    made.next_change(0.0)
    assert made.next_change(10.0) is None
    with pytest.raises(SourceUnavailable, match=r"subscription of a in 10 s"):
        made.next_change(10.1)


def test_a_rejected_topic_is_not_requested_again() -> None:
    """Others are. Removed and added again, it is requested again."""
    made = topics("a", "b")
    made.next_change(0.0)
    assert made.reject(["a", "x"]) == ["a"]
    made.confirm({"b"})
    assert made.next_change(1.0) is None
    made.set_wanted(["b"])
    made.set_wanted(["a", "b"])
    assert made.next_change(2.0) == SubscriptionChange(2, is_subscribe=True, topics=("a",))


def test_a_rejection_that_names_a_topic_does_not_affect_the_others() -> None:
    """They are requested again together."""
    made = topics("BTCUSDT", "XYZUSDT", "ETHUSDT", per_message=3)
    made.next_change(0.0)
    assert made.reject_request(None, "Invalid symbol :[XYZUSDT]") == ["XYZUSDT"]
    assert made.next_change(1.0) == SubscriptionChange(2, is_subscribe=True, topics=("BTCUSDT", "ETHUSDT"))
    made.confirm_request(2)
    assert made.next_change(2.0) is None


def test_a_rejection_without_a_topic_is_retried_topic_by_topic() -> None:
    """That finds the bad one."""
    made = topics("a", "b")
    made.next_change(0.0)
    assert made.reject_request(1, "no") == []
    first, second = made.next_change(1.0), made.next_change(2.0)
    assert first
    assert second
    assert [first.topics, second.topics] == [("a",), ("b",)]
    assert made.reject_request(first.number, "no") == ["a"]
    made.confirm_request(second.number)
    assert made.next_change(3.0) is None


def test_responses_without_a_request_are_ignored() -> None:
    """Late, repeated or foreign ones."""
    made = topics("a")
    made.confirm({"a"})
    made.confirm_request(None)
    assert made.reject_request(7, "no") == []
    assert made.next_change(0.0) == SubscriptionChange(1, is_subscribe=True, topics=("a",))


def test_unanswered_topics_can_be_requested_again() -> None:
    """For sources where one bad topic fails all others of its message."""
    made = topics("a", "b")
    made.next_change(0.0)
    made.reject(["a"])
    made.retry_unanswered()
    assert made.next_change(1.0) == SubscriptionChange(2, is_subscribe=True, topics=("b",))


def test_resubscribing_unsubscribes_and_subscribes_once() -> None:
    """A rejected topic is only subscribed."""
    made = topics("a", "b")
    made.next_change(0.0)
    made.confirm({"a"})
    made.reject(["b"])
    made.resubscribe(["a", "b"])
    assert [(change.is_subscribe, change.topics) for change in drain(made, start=1.0, seconds=5)] == [
        (False, ("a",)),
        (True, ("a", "b")),
    ]


def test_messages_are_cut_by_bytes() -> None:
    """As many topics as fit, in UTF-8; one alone is sent whatever its length."""
    made = topics("aaaa", "bbbb", "c\u00fcc", "d" * 30, per_message=9, max_bytes=9)
    sent = drain(made, seconds=4)
    assert [change.topics for change in sent] == [("aaaa", "bbbb"), ("c\u00fcc",), ("d" * 30,)]
    for change in sent:
        made.confirm(change.topics)
    made.set_wanted([])
    left = drain(made, start=4.0, seconds=4)
    assert [change.topics for change in left] == [("aaaa", "bbbb"), ("c\u00fcc",), ("d" * 30,)]


def test_an_ignored_message_is_halved() -> None:
    """Smaller and smaller until one is answered; all later messages are as small."""
    made = topics(*"abcdefgh", per_message=8)
    assert [change.topics for change in drain(made, seconds=4)] == [tuple("abcdefgh")]
    assert [change.topics for change in drain(made, start=4.0, seconds=4)] == [tuple("abcd"), tuple("efgh")]
    quarters = drain(made, start=8.0, seconds=2)
    assert [change.topics for change in quarters] == [tuple("ab"), tuple("cd")]
    for change in quarters:
        made.confirm_request(change.number)
    assert [change.topics for change in drain(made, start=10.0, seconds=3)] == [tuple("ef"), tuple("gh")]


def test_the_next_connection_begins_with_the_size_that_was_answered() -> None:
    """An ignored message alone teaches nothing; at the least it is an eighth."""
    learned = LearnedSize()
    made = topics(*"abcdefgh", per_message=8, learned=learned)
    drain(made, seconds=4)
    first = drain(made, start=4.0, seconds=1)[0]
    assert learned == LearnedSize(None)
    made.confirm(first.topics)
    assert learned == LearnedSize(4)
    successor = topics(*"abcdefgh", per_message=8, learned=learned)
    assert [change.topics for change in drain(successor, seconds=2)] == [tuple("abcd"), tuple("efgh")]
    for _ in range(5):
        later = topics(*"abcdefgh", per_message=8, learned=learned)
        drain(later, seconds=4)
        if halved := drain(later, start=4.0, seconds=1):
            later.confirm(halved[0].topics)
    assert learned == LearnedSize(1)


def test_a_connection_without_any_answer_is_blamed_after_three_halvings() -> None:
    """Smaller messages do not help where nothing is answered."""
    made = topics(*(f"t{number}" for number in range(64)), per_message=64, rates=(MessageRate(100, 1.0),))
    sizes = []

    def send_for_ever() -> None:
        for second in itertools.count():
            while change := made.next_change(float(second)):
                sizes.append((second, len(change.topics)))

    with pytest.raises(SourceUnavailable, match=r"in 10 s"):
        send_for_ever()
    assert [(0, 64), *[(4, 32)] * 2, *[(8, 16)] * 4, *[(12, 8)] * 8] == sizes


def test_a_late_answer_to_an_ignored_message_counts() -> None:
    """The source was slow and not deaf."""
    made = topics("a", "b")
    first = made.next_change(0.0)
    assert first
    halves = drain(made, start=3.5, seconds=1)
    assert [change.topics for change in halves] == [("a",)]
    made.confirm_request(first.number)
    made.confirm_request(halves[0].number)
    assert drain(made, start=7.0) == []


@pytest.mark.parametrize(
    ("said", "is_named"),
    [
        ("XYZ-USD is not a valid product", True),
        ("channel:tickers,instId:XYZ-USD doesn't exist.", True),
        ("XYZ-USDC is not a valid product", False),
        ("XYZ-USD-SWAP and XYZ-USD", True),
        ("AXYZ-USD", False),
        ("", False),
    ],
)
def test_a_topic_is_mentioned_only_by_its_whole_name(said: str, *, is_named: bool) -> None:
    """A longer name that contains it is another topic."""
    assert mentions(said, "XYZ-USD") is is_named


def test_pings_are_due_at_their_interval_and_not_at_once() -> None:
    """The first one is due an interval after the connection was opened."""
    pings = PingTimer(10.0)
    assert [pings.poll(now) for now in (5.0, 14.9, 15.0, 15.1, 24.9, 25.0)] == [
        False,
        False,
        True,
        False,
        False,
        True,
    ]
