"""A reader that is slower than its source skips to the present, and says so."""

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta

import pytest

from pipeline.feeds import backlog
from pipeline.feeds.backlog import LASTS_FOR_S, BacklogDetector, DroppedBacklog, DroppedBacklogs
from pipeline.feeds.protocol import FeedEvent
from pipeline.sources.binance.protocol import BinanceProtocol
from rates.clock import EPOCH
from rates.health import LinkState
from rates.source import Source
from tests.gateway.fakes import FakeClock
from tests.pipeline.fakes import BTC, START, instrument, ticker, until
from tests.pipeline.feeds.push_server import MILLISECOND, Client, PushServer, feeding, open_push_server

SECOND = timedelta(seconds=1)
MAX_LAG = 10 * SECOND
UNREAD = 100_000
# Of the tests' clock, for each message.
READING_TAKES_S = 0.01


def check_all(lags_s: Sequence[float], unread: Sequence[int]) -> list[timedelta | None]:
    """The result of each check, one a second, after an event with such a lag."""
    detector = BacklogDetector(MAX_LAG)
    found = []
    for second, (lag_s, unread_bytes) in enumerate(zip(lags_s, unread, strict=True)):
        received_at = START + second * SECOND
        detector.on_events([ticker(BTC, "1", observed_at=received_at - lag_s * SECOND)], received_at)
        found.append(detector.check(second, unread_bytes))
    return found


def test_a_lag_that_grows_while_bytes_wait_is_a_backlog() -> None:
    """Once it has been above the limit for a while.

    The lag of the first event is the distance of the clocks.
    """
    lags = [3.0, 8.0, 13.5, 14.0, 15.0, 16.0]
    assert check_all(lags, [UNREAD] * len(lags)) == [None, None, None, None, 12 * SECOND, 13 * SECOND]
    assert LASTS_FOR_S == 2


@pytest.mark.parametrize(
    ("lags_s", "unread"),
    [
        pytest.param([60.0] * 9, [UNREAD] * 9, id="the source's clock is behind"),
        pytest.param([0.1, *[30.0] * 8], [0] * 9, id="old trades in a quiet market, or a slow network"),
        pytest.param(
            [0.1, 12.0, 11.0, 5.0, *[0.1] * 5], [0, *[UNREAD] * 3, *[0] * 5], id="a pause made up for"
        ),
        pytest.param([0.1, *[9.0] * 8], [UNREAD] * 9, id="late within the TTL"),
    ],
)
def test_other_causes_of_old_event_times_are_no_backlog(lags_s: list[float], unread: list[int]) -> None:
    """Each lacks one of the facts."""
    assert set(check_all(lags_s, unread)) == {None}


def test_what_was_dropped_is_counted_until_the_shard_has_kept_up() -> None:
    """All drops since the start are in the text, which ends once the shard has kept up."""
    dropped = DroppedBacklogs(settles_after_s=30)
    assert not dropped.has_settled(0)
    first = dropped.record(DroppedBacklog(34 * SECOND, 12_000), Source.BINANCE, 0)
    assert "this process reads slower than BINANCE sends: 34 s behind" in first
    assert "once since the start, at least 12,000 bytes" in first
    assert "2 times since the start, at least 13,000 bytes" in dropped.record(
        DroppedBacklog(11 * SECOND, 1_000), Source.BINANCE, 20
    )
    assert [dropped.has_settled(now) for now in (49, 50, 51)] == [False, True, False]


async def send_without_a_pause(market: PushServer, client: Client, clock: FakeClock) -> None:
    """As many trades as the connection takes, each of the moment at which it is sent."""
    number = 0
    while not client.gone.is_set():
        for _ in range(5_000):
            number += 1
            moment = (clock() - EPOCH) // MILLISECOND
            trade = {"e": "trade", "E": moment, "s": "BTCUSDT", "t": number, "p": "1.5", "q": "1"}
            await market.say("btcusdt@trade", trade, to=[client])
        await asyncio.sleep(0)


@pytest.mark.servers
async def test_a_slow_reader_skips_to_the_present_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """It ends the connection with all that waits in it; the source stays up, with a notice."""
    monkeypatch.setattr(backlog, "LASTS_FOR_S", 0.0)
    clock = FakeClock()

    class SlowProtocol(BinanceProtocol):
        """Takes time of the test's clock to read a message."""

        def receive(self, frame: bytes, received_at: datetime) -> Sequence[FeedEvent]:
            clock.advance(READING_TAKES_S)
            return super().receive(frame, received_at)

    async with (
        open_push_server() as market,
        feeding(
            market.url,
            read_instruments=[instrument("BTC/USDT")],
            open_protocol=lambda: SlowProtocol(simulated=False),
            clock=clock,
        ) as running,
    ):
        await market.has("BTCUSDT")
        first = await market.opened(1)
        await send_without_a_pause(market, first, clock)
        await market.opened(2)
        assert "this process reads slower than BINANCE sends" in running.reason
        assert running.health.report(clock()).state is LinkState.UP
        delivered = len(running.tickers)
        assert clock() - running.tickers[-1].observed_at > MAX_LAG
        await market.has("BTCUSDT")
        clock.advance(1)
        moment = (clock() - EPOCH) // MILLISECOND
        trade = {"e": "trade", "E": moment, "s": "BTCUSDT", "t": 10**9, "p": "2.5", "q": "1"}
        await market.say("btcusdt@trade", trade)
        await until(lambda: len(running.tickers) > delivered)
        assert [str(each.price) for each in running.tickers[delivered:]] == ["2.5"]
        assert clock() - running.tickers[-1].observed_at < SECOND
        assert len(market.clients) == 2
