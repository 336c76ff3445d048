"""`stats` as clients see it, and the statistics of steps."""

import itertools
from datetime import timedelta
from decimal import Decimal
from math import isclose, log, sqrt

import pytest

from gateway.queries.candles.stats import STEPS, compute_stats, list_steps
from history.bar import bar_of
from history.candle import Candle, CandleState
from history.coverage import CandleCoverage
from history.interval import Interval
from rates.source import Source
from rates.symbol import Symbol
from rates.ticker import TickerKey
from tests.gateway.fixture_types import Execute
from tests.history.trades import at, trade

KEY = TickerKey(Source.BINANCE, Symbol("BTC", "USDT"))
EVERY_FIELD = """symbol source { code } from to open high low close change changePercent volume quoteVolume tradeCount vwap twap
  realisedVolatility coverage simulated"""


def step(number: int, price: str | None, coverage: CandleCoverage = CandleCoverage.COMPLETE) -> Candle:
    """Return a minute with a trade at this price, or without one."""
    start = at(60 * number)
    return Candle(
        interval=Interval.M1,
        open_time=start,
        close_time=start + timedelta(minutes=1),
        bar=None if price is None else bar_of(trade(number + 1, 60 * number, price)),
        state=CandleState.CLOSED,
        coverage=coverage,
        revision=0,
        known_at=start + timedelta(minutes=1),
    )


async def test_the_last_whole_minutes_are_told(execute: Execute) -> None:
    """The trade of the minute that is not over does not count."""
    result = await execute(f'{{ stats(symbol: "BTC/USDT", windowMs: 120000) {{ {EVERY_FIELD} }} }}')
    assert not result.errors
    assert result.data["stats"] == {
        "symbol": "BTC/USDT",
        "source": {"code": "BINANCE"},
        "from": "2024-08-08T12:01:00.000Z",
        "to": "2024-08-08T12:03:00.000Z",
        "open": "100",
        "high": "101.50",
        "low": "100",
        "close": "101.50",
        "change": "1.50",
        "changePercent": "1.50",
        "volume": "1.10",
        "quoteVolume": "110.1500",
        "tradeCount": 2,
        "vwap": "100.136363636363636",
        "twap": "101.50",
        "realisedVolatility": 0.0,
        "coverage": "COMPLETE",
        "simulated": False,
    }


async def test_a_window_that_is_not_known_completely_says_so(execute: Execute) -> None:
    """A day is asked for by default; the history is three minutes long."""
    result = await execute('{ stats(symbol: "BTC/USDT") { from to coverage tradeCount } }')
    assert result.data["stats"] == {
        "from": "2024-08-07T12:03:00.000Z",
        "to": "2024-08-08T12:03:00.000Z",
        "coverage": "PARTIAL",
        "tradeCount": 2,
    }


async def test_a_symbol_without_a_history_has_empty_statistics(execute: Execute) -> None:
    """Nothing is known of its time."""
    result = await execute(f'{{ stats(symbol: "ETH/USDT") {{ {EVERY_FIELD} }} }}')
    assert not result.errors
    found = result.data["stats"]
    assert found["coverage"] == "UNKNOWN"
    assert [found[name] for name in ("open", "change", "volume", "tradeCount", "twap")] == [None] * 5


@pytest.mark.parametrize("window_ms", [59_999, 2_073_600_001])
async def test_a_window_out_of_range_is_refused(execute: Execute, window_ms: int) -> None:
    """From a minute to 24 days."""
    result = await execute(f'{{ stats(symbol: "BTC/USDT", windowMs: {window_ms}) {{ from }} }}')
    assert [error.extensions["code"] for error in result.errors] == ["BAD_USER_INPUT"]


def test_the_mean_by_time_and_the_volatility_take_steps_without_trades_into_account() -> None:
    """A step without a trade has the price before it; the first ones have none."""
    steps = [step(0, None), step(1, "100"), step(2, None), step(3, "121"), step(4, "110")]
    found = compute_stats(KEY, steps, as_of=at(600), simulated=False)
    assert found.twap == Decimal("107.75")
    assert found.volatility is not None
    assert isclose(found.volatility, sqrt(log(1.21) ** 2 + log(110 / 121) ** 2))
    assert (str(found.change), str(found.change_percent)) == ("10", "10")
    assert found.whole.coverage is CandleCoverage.COMPLETE


def test_a_single_price_has_neither() -> None:
    """There is no step between two prices."""
    found = compute_stats(KEY, [step(0, None), step(1, "100")], as_of=at(600), simulated=False)
    assert (found.twap, found.volatility) == (None, None)


@pytest.mark.parametrize("minutes", [1, 2, 287, 288, 289, 1440, 34_560])
def test_steps_cover_the_window_without_a_hole(minutes: int) -> None:
    """They are whole minutes, and not more than their number says."""
    steps = list_steps(timedelta(minutes=minutes), at(59.9))
    assert steps[0].start == at(0) - timedelta(minutes=minutes)
    assert steps[-1].end == at(0)
    assert all(one.end == other.start for one, other in itertools.pairwise(steps))
    assert len(steps) <= STEPS
