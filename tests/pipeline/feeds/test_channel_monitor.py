"""When a channel counts as dead, and when it is only quiet."""

import pytest

from pipeline.feeds.channel_monitor import (
    CADENCES_MISSED,
    RESUBSCRIBE_AGAIN_S,
    SILENT_AFTER_S,
    ChannelMonitor,
    by_symbol,
)
from tests.pipeline.fakes import BTC

STEP = 0.5


def run(monitor: ChannelMonitor, begin: float, end: float, *heard: str) -> list[tuple[str, str]]:
    """Let channels of one symbol speak twice a second; return what is to be subscribed again."""
    again, now = [], begin
    while now < end:
        again += monitor.advance(now)
        for channel in heard:
            monitor.on_message("BTC", channel)
        now += STEP
    return again + monitor.advance(end)


def test_a_quiet_channel_that_owes_nothing_is_not_silent() -> None:
    """Hours of a quiet market are no evidence."""
    monitor = ChannelMonitor()
    run(monitor, 0, 1, "book", "trade")
    assert run(monitor, 1, 500, "trade") == []
    assert monitor.silent() == {}


def test_a_channel_that_owes_a_message_is_named_and_subscribed_again() -> None:
    """Once, and again after a minute; its first message settles it."""
    monitor = ChannelMonitor()
    run(monitor, 0, 1, "book")
    monitor.expect("BTC", "book")
    assert run(monitor, 1, 1 + SILENT_AFTER_S, "ticker") == []
    later = 2 + SILENT_AFTER_S
    assert run(monitor, later, later + 5, "ticker") == [("BTC", "book")]
    assert monitor.is_silent("BTC", "book")
    # The seconds do not count up.
    assert monitor.silent() == {"BTC": "book silent for 12 s"}
    assert run(monitor, later + 5, later + 2 + RESUBSCRIBE_AGAIN_S, "ticker") == [("BTC", "book")]
    monitor.on_message("BTC", "book")
    assert monitor.silent() == {}
    assert run(monitor, later + 70, later + 200, "ticker") == []


def test_what_another_channel_takes_back_is_no_evidence() -> None:
    """A late statistic differs from the book for a second, and agrees with it again."""
    monitor = ChannelMonitor()
    run(monitor, 0, 1, "book")
    monitor.expect("BTC", "book")
    run(monitor, 1, 5, "ticker")
    monitor.settle("BTC", "book")
    assert run(monitor, 5, 100, "ticker") == []


@pytest.mark.parametrize("cadence", [1.0, 3.0, 10.0])
def test_a_documented_cadence_is_evidence_by_itself(cadence: float) -> None:
    """Three intervals missed, at least ten seconds, while anything else comes on the connection."""
    limit = max(CADENCES_MISSED * cadence, SILENT_AFTER_S)
    monitor = ChannelMonitor({"book": cadence})
    run(monitor, 0, 1, "book", "ticker")
    assert run(monitor, 1, limit, "ticker") == []
    assert run(monitor, limit, limit + 2, "ticker") == [("BTC", "book")]


def test_a_channel_with_a_cadence_that_never_spoke_is_silent() -> None:
    """Its symbol has another channel that does."""
    monitor = ChannelMonitor({"book": 3.0})
    assert run(monitor, 0, SILENT_AFTER_S + 2, "ticker") == [("BTC", "book")]
    assert monitor.silent() == {"BTC": "book never heard, in 11 s"}


def test_a_silence_of_the_whole_connection_is_no_channels() -> None:
    """The connection's own watch replaces it; afterwards the channels go on."""
    monitor = ChannelMonitor({"book": 1.0})
    run(monitor, 0, 1, "book", "ticker")
    assert run(monitor, 1, 100) == []
    assert run(monitor, 100, 105, "book", "ticker") == []


def test_what_is_not_tracked_is_forgotten() -> None:
    """Another symbol's channel is not."""
    monitor = ChannelMonitor({"book": 1.0})
    run(monitor, 0, 1, "book")
    monitor.retain(["ETH"])
    assert run(monitor, 50, 51) == []
    assert monitor.silent() == {}


def test_problems_are_told_by_our_symbols() -> None:
    """A symbol that was removed meanwhile is left out."""
    assert by_symbol({"BTCUSDT": "x", "OLDUSDT": "y"}, {"BTCUSDT": BTC}) == {BTC: "x"}
