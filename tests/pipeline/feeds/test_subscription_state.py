"""Subscriptions of one connection: batches, pace, answers of either kind, refusals that leave their neighbours in peace."""

import pytest

from pipeline.feeds.ping_timer import PingTimer
from pipeline.feeds.subscription_state import MessageRate, SubscriptionChange, SubscriptionState, mentions
from rates.errors import SourceUnavailable
from rates.source import Source


def topics(
    *wanted: str, per_message: int = 2, rates: tuple[MessageRate, ...] = (MessageRate(1, 1.0),)
) -> SubscriptionState:
    made = SubscriptionState(Source.OKX, rates=rates, per_message=per_message)
    made.set_wanted(wanted)
    return made


def drain(made: SubscriptionState, *, start: float = 0.0, seconds: int = 20) -> list[SubscriptionChange]:
    """All changes of so many seconds, one look a second, nothing answered."""
    seen = (made.next_change(start + second) for second in range(seconds))
    return [change for change in seen if change]


def test_subscriptions_go_out_in_batches_at_their_pace() -> None:
    """Two topics a message, one message a second."""
    made = topics("a", "b", "c")
    assert made.next_change(0.0) == SubscriptionChange(1, is_subscribe=True, topics=("a", "b"))
    assert made.next_change(0.5) is None
    assert made.next_change(1.0) == SubscriptionChange(2, is_subscribe=True, topics=("c",))
    assert made.next_change(9.0) is None


def test_every_window_is_kept_whatever_the_watchlist_does() -> None:
    """Three an hour are three, in any hour, though the wish changes every second."""
    made = topics(rates=(MessageRate(1, 1.0), MessageRate(3, 3600.0)))
    sent = []
    for second in range(7300):
        made.set_wanted([f"{second // 2}"])
        if change := made.next_change(float(second)):
            sent.append(second)
            made.confirm(change.topics)
    assert len(sent) >= 6
    assert all(later - earlier >= 3600 for earlier, later in zip(sent, sent[3:], strict=False))


def test_what_is_wanted_no_more_is_left() -> None:
    """Leaving comes before entering, so that a full connection has room."""
    made = topics("a", "b")
    made.next_change(0.0)
    made.confirm({"a", "b"})
    made.set_wanted(["b", "c"])
    assert made.next_change(1.0) == SubscriptionChange(2, is_subscribe=False, topics=("a",))
    assert made.next_change(2.0) == SubscriptionChange(3, is_subscribe=True, topics=("c",))


def test_an_answer_that_does_not_come_ends_the_connection() -> None:
    """Exactly the timeout is in time; a moment later it is not. The message names what was asked."""
    made = topics("a")
    made.next_change(0.0)
    assert made.next_change(10.0) is None
    with pytest.raises(SourceUnavailable, match=r"subscription of a in 10 s"):
        made.next_change(10.1)


def test_a_refused_topic_is_not_asked_for_again() -> None:
    """Its neighbours go on; and once it was not wanted for a while, it may be asked for anew."""
    made = topics("a", "b")
    made.next_change(0.0)
    assert made.reject(["a", "x"]) == ["a"]
    made.confirm({"b"})
    assert made.next_change(1.0) is None
    made.set_wanted(["b"])
    made.set_wanted(["a", "b"])
    assert made.next_change(2.0) == SubscriptionChange(2, is_subscribe=True, topics=("a",))


def test_a_refused_request_that_names_its_topic_keeps_the_others() -> None:
    """They are asked for again together."""
    made = topics("BTCUSDT", "XYZUSDT", "ETHUSDT", per_message=3)
    made.next_change(0.0)
    assert made.reject_request(None, "Invalid symbol :[XYZUSDT]") == ["XYZUSDT"]
    assert made.next_change(1.0) == SubscriptionChange(2, is_subscribe=True, topics=("BTCUSDT", "ETHUSDT"))
    made.confirm_request(2)
    assert made.next_change(2.0) is None


def test_a_refused_request_that_names_nothing_is_taken_apart() -> None:
    """One by one, the bad one shows itself."""
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


def test_answers_to_nothing_change_nothing() -> None:
    """Late, repeated or foreign answers are no subscriptions."""
    made = topics("a")
    made.confirm({"a"})
    made.confirm_request(None)
    assert made.reject_request(7, "no") == []
    assert made.next_change(0.0) == SubscriptionChange(1, is_subscribe=True, topics=("a",))


def test_what_failed_with_its_message_is_asked_for_again() -> None:
    """Where one bad topic fails all of them, the others are not lost."""
    made = topics("a", "b")
    made.next_change(0.0)
    made.reject(["a"])
    made.retry_unanswered()
    assert made.next_change(1.0) == SubscriptionChange(2, is_subscribe=True, topics=("b",))


def test_renewing_leaves_and_enters_once() -> None:
    """A topic that nothing came of is left and entered; a refused one just entered."""
    made = topics("a", "b")
    made.next_change(0.0)
    made.confirm({"a"})
    made.reject(["b"])
    made.resubscribe(["a", "b"])
    assert [(change.is_subscribe, change.topics) for change in drain(made, start=1.0, seconds=5)] == [
        (False, ("a",)),
        (True, ("a", "b")),
    ]


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
def test_a_topic_is_named_only_by_itself(said: str, *, is_named: bool) -> None:
    """A longer name that contains it means another."""
    assert mentions(said, "XYZ-USD") is is_named


def test_pings_are_due_at_their_interval_and_not_at_once() -> None:
    """The first one only so long after the connection was opened."""
    pings = PingTimer(10.0)
    assert [pings.poll(now) for now in (5.0, 14.9, 15.0, 15.1, 24.9, 25.0)] == [
        False,
        False,
        True,
        False,
        False,
        True,
    ]
