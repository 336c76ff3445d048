"""The chaos of the history finds trades that are missing without a gap."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from rich.console import Console

from drill.distributed.history_chaos import list_faults, run_history_chaos
from drill.distributed.lost_trades import LossCounts
from drill.distributed.trade_log import CHANNEL, LoggedTrade, TradeLoggingWorld, busy_assets
from history.bar import Bar, fold
from history.coverage import CoveredSpan, GapReason
from history.trade import Trade
from simulator.nanotime import SECOND

NOON = datetime(2026, 11, 29, 12, tzinfo=UTC)


def at(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def made(number: int, seconds: float) -> LoggedTrade:
    return LoggedTrade(number, at(seconds), Decimal(100 + number), Decimal("0.5"))


def bar_of(*trades: LoggedTrade) -> Bar:
    """Return what the product folds of some trades."""
    folded = fold(
        bar
        for one in trades
        for bar in [
            Bar(
                *(one.price,) * 4,
                one.quantity,
                one.price * one.quantity,
                Trade(one.number, one.price, one.quantity, one.time).count,
                one.number,
                one.number,
                one.time,
                one.time,
            )
        ]
    )
    assert folded is not None
    return folded


ONE, TWO, THREE = made(1, 0.2), made(2, 0.7), made(3, 1.5)
ALL = [ONE, TWO, THREE]
WHOLE = [CoveredSpan(at(-5), at(10))]
# The second from 1 s on is not covered.
BROKEN = [CoveredSpan(at(-5), at(1), GapReason.DISCONNECTED), CoveredSpan(at(2), at(10))]


@pytest.mark.parametrize(
    ("bars", "spans", "lost", "misses"),
    [
        ({at(0): bar_of(ONE, TWO), at(1): bar_of(THREE)}, WHOLE, 0, 0),
        ({at(0): bar_of(ONE, TWO)}, BROKEN, 1, 0),
        ({at(0): bar_of(ONE, TWO)}, WHOLE, 1, 1),
        ({at(0): bar_of(ONE), at(1): bar_of(THREE)}, WHOLE, 1, 1),
        ({at(0): bar_of(ONE, TWO, TWO), at(1): bar_of(THREE)}, WHOLE, 0, 1),
        ({at(0): bar_of(ONE, TWO), at(1): bar_of(THREE), at(3): bar_of(made(4, 3))}, WHOLE, 0, 1),
        ({}, [], 3, 0),
    ],
)
def test_a_missing_trade_counts_unless_its_time_is_a_gap(
    bars: dict[datetime, Bar], spans: Sequence[CoveredSpan], lost: int, misses: int
) -> None:
    """So does one that is stored twice, or that nobody made."""
    counts = LossCounts()
    counts.judge("BTC/USDT", ALL, bars, spans)
    assert (counts.made, len(counts.lost), len(counts.misses)) == (3, lost, misses)


@pytest.mark.slow
def test_the_market_logs_trades_that_nobody_wants() -> None:
    """They are sent to those who want them, and to nobody else."""
    start_ns = 1_700_000_000 * SECOND
    world = TradeLoggingWorld(1, start_ns, assets=busy_assets(["BTC"], 20.0))
    wanted = {f"ethusdt{CHANNEL}"}
    frames = list(world.advance(start_ns + 10 * SECOND, wanted))
    assert {frame.stream for frame in frames} == wanted
    assert len(world.trades["BTCUSDT"]) > 100
    assert len(frames) == len(world.trades["ETHUSDT"])
    numbers = [trade.number for trade in world.trades["BTCUSDT"]]
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))


@pytest.mark.servers
@pytest.mark.alone
@pytest.mark.long
@pytest.mark.timeout(600)
async def test_every_lost_trade_lies_in_a_recorded_gap() -> None:
    """Recorder, Postgres, Redis and feed are killed under load; the first two lose nothing."""
    report = await run_history_chaos(list_faults(postgres_away_s=10.0), Console(quiet=True))
    assert report.misses == []
    assert report.counts.made > 1_000
    assert set(report.lost_by_fault) == {fault.name for fault in list_faults(10.0)}
    # Otherwise nothing was tried: a feed that is away for seconds misses trades.
    assert report.lost_by_fault["feed-kill"] > 0
