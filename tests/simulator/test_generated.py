"""The generated market: deterministic for a seed, with plausible numbers."""

from decimal import Decimal

import pytest

from simulator.generated.rolling_day import Bucket, RollingDay
from simulator.generated.world import GeneratedWorld
from simulator.markets import Frame
from simulator.nanotime import SECOND
from tests.simulator.conftest import START_NS

STREAMS = {"btcusdt@trade", "pepeusdt@trade", "btcusdt@bookTicker", "ethusdt@ticker", "!miniTicker@arr"}


def play(world: GeneratedWorld, steps: list[int]) -> list[Frame]:
    """Advance to each time, in milliseconds after the start."""
    return [frame for ms in steps for frame in world.advance(START_NS + ms * 1_000_000, STREAMS)]


@pytest.mark.slow
def test_the_same_seed_gives_the_same_frames_however_time_is_stepped() -> None:
    """One step of a minute or 1200 of 50 ms give identical frames."""
    strides = play(GeneratedWorld(3, START_NS), [60_000])
    steps = play(GeneratedWorld(3, START_NS), list(range(50, 60_001, 50)))
    assert strides == steps
    assert len(strides) > 500
    assert play(GeneratedWorld(4, START_NS), [60_000]) != strides


@pytest.mark.slow
def test_every_symbol_moves_every_second_or_two() -> None:
    """No pair keeps its last price for two seconds, and stablecoins stay near 1."""
    world = GeneratedWorld(1, START_NS)
    symbols = list(world.binance.listings())
    before = {symbol: world.binance.ticker_24h(symbol)["lastId"] for symbol in symbols}
    for second in range(2, 21, 2):
        for _ in world.advance(START_NS + second * SECOND, set()):
            pass
        after = {symbol: world.binance.ticker_24h(symbol)["lastId"] for symbol in symbols}
        assert all(after[symbol] > before[symbol] for symbol in symbols)  # type: ignore[operator]
        before = after
    assert abs(Decimal(world.binance.last_price("USDCUSDT")) - 1) < Decimal("0.005")


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2))
def test_statistics_hold_together_after_a_while(seed: int) -> None:
    """For every pair: low <= last <= high, bid < ask around last, CoinGecko close by."""
    world = GeneratedWorld(seed, START_NS)
    for _ in world.advance(START_NS + 5 * 60 * SECOND, set()):
        pass
    for symbol, listing in world.binance.listings().items():
        day = {name: Decimal(value or 0) for name, value in world.binance.ticker_24h(symbol).items()}
        assert 0 < day["lowPrice"] <= day["lastPrice"] <= day["highPrice"]
        assert day["lowPrice"] <= day["weightedAvgPrice"] <= day["highPrice"]
        assert 0 < day["bidPrice"] <= day["lastPrice"] <= day["askPrice"]
        assert day["bidPrice"] < day["askPrice"]
        assert day["bidQty"] > 0
        tick = Decimal(listing.tick_size or 0)
        assert day["lastPrice"] % tick == 0
        coin = next(
            coin for coin in world.coingecko.coins().values() if coin.symbol == (listing.base or "").lower()
        )
        usd = Decimal(world.coingecko.quote(coin.id, "usd", full=True)["usd"])
        assert abs(usd / day["lastPrice"] - 1) < Decimal("0.06")


def test_statistics_are_those_of_this_moment() -> None:
    """Repeated reads are equal; a trade changes them."""
    day = RollingDay([Bucket(0, 100, 100, 100, 100, 1, 100, 1)])
    assert day.stats() == day.stats()
    day.add(1, 250, 2)
    assert (day.stats().high, day.stats().volume, day.stats().count) == (250, 3, 2)


def test_a_long_sleep_is_skipped_over() -> None:
    """After a jump of a day the market continues from its last state at the new time."""
    world = GeneratedWorld(1, START_NS, max_lag_seconds=0.5)
    day_later = START_NS + 24 * 3600 * SECOND
    frames = list(world.advance(day_later, STREAMS))
    assert len(frames) < 200
    assert world.due_ns() > day_later


@pytest.mark.slow
def test_a_market_that_falls_behind_skips_to_the_present() -> None:
    """Each step applies at most the allowed lag.

    The rest is counted, and every symbol is current soon.
    """
    world = GeneratedWorld(1, START_NS, max_lag_seconds=0.5)
    symbols = list(world.binance.listings())
    exact, largest = GeneratedWorld(1, START_NS), 0
    for second in range(5, 61, 5):
        now_ns = START_NS + second * SECOND
        largest = max(largest, len(list(world.advance(now_ns, STREAMS))))
        assert world.due_ns() > now_ns
    complete = len(list(exact.advance(START_NS + 60 * SECOND, STREAMS)))
    assert largest < complete / 12 / 2
    assert world.status()["skipped_events"] > 10_000  # type: ignore[operator]
    for step in range(1, 21):
        list(world.advance(START_NS + 60 * SECOND + step * SECOND // 10, STREAMS))
    newest_ms = (START_NS + 62 * SECOND) // 1_000_000
    assert all(
        newest_ms - int(world.binance.ticker_24h(symbol)["closeTime"] or 0) < 2000 for symbol in symbols
    )


@pytest.mark.slow
def test_coingecko_refreshes_after_a_skip() -> None:
    """A refresh inside the skipped time is made up for."""
    world = GeneratedWorld(1, START_NS, max_lag_seconds=0.5, refresh_seconds=30)
    list(world.advance(START_NS + 45 * SECOND, STREAMS))
    updated = int(world.coingecko.quote("bitcoin", "usd")["last_updated_at"])
    assert 20 <= updated - START_NS // SECOND <= 30
