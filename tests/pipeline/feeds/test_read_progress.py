"""Until when everything that arrived on a connection was read."""

from datetime import datetime, timedelta
from decimal import Decimal

from history.trade import Trade
from pipeline.feeds.backlog import BacklogDetector
from pipeline.feeds.protocol import SymbolTrades
from pipeline.feeds.read_progress import ReadProgress
from tests.pipeline.fakes import BTC, START, ticker

SECOND = timedelta(seconds=1)
NOTHING = timedelta()
UNREAD = 70_000


def test_what_was_read_counts_once_nothing_waits() -> None:
    """Up to the last message: one that comes no more would prove nothing."""
    progress = ReadProgress()
    progress.check(0, NOTHING, None)
    assert progress.until is None
    progress.on_message(START)
    assert progress.until is None
    progress.check(0, NOTHING, None)
    assert progress.until == START
    progress.check(0, NOTHING, None)
    assert progress.until == START


def test_a_message_that_is_read_late_proves_nothing_of_those_behind_it() -> None:
    """As after a pause of the process, which reads the first of many that wait."""
    progress = ReadProgress()
    progress.on_message(START)
    progress.check(0, NOTHING, None)
    progress.on_message(START + 3 * SECOND)
    progress.check(UNREAD, NOTHING, None)
    assert progress.until == START
    progress.check(UNREAD, NOTHING, START + SECOND)
    assert progress.until == START + SECOND
    progress.on_message(START + 4 * SECOND)
    progress.check(0, NOTHING, START + 2 * SECOND)
    assert progress.until == START + 4 * SECOND


def test_what_is_late_on_its_way_is_not_here_yet() -> None:
    """And a time that was proved stays so."""
    progress = ReadProgress()
    progress.on_message(START + 5 * SECOND)
    progress.check(0, 2 * SECOND, None)
    assert progress.until == START + 3 * SECOND
    progress.check(0, 3 * SECOND, None)
    assert progress.until == START + 3 * SECOND


def test_the_newest_event_of_an_interval_tells_how_far_a_busy_reader_is() -> None:
    """By its own time and the lag of the new connection."""
    detector = BacklogDetector(10 * SECOND)

    def read(lag: timedelta, received_at: datetime) -> None:
        detector.on_events([ticker(BTC, "1", observed_at=received_at - lag)], received_at)

    detector.check(0, UNREAD)
    assert detector.sent_until is None
    read(SECOND / 10, START)
    detector.check(1, UNREAD)
    assert detector.sent_until == START
    read(SECOND / 10, START + SECOND)
    read(2 * SECOND, START + 3 * SECOND)
    detector.check(2, UNREAD)
    assert detector.sent_until == START + SECOND + SECOND / 10
    time = START + 2 * SECOND
    trade = Trade(id=1, time=time, price=Decimal(1), quantity=Decimal(1))
    detector.on_events([SymbolTrades(BTC, (trade,), START + 4 * SECOND)], START + 4 * SECOND)
    detector.check(3, UNREAD)
    assert detector.sent_until == time + SECOND / 10
    detector.check(4, UNREAD)
    assert detector.sent_until is None
