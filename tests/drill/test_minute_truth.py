"""The drill finds minutes that differ from what the simulator made, and are not marked."""

from decimal import Decimal

import pytest

from drill.minute_truth import FaultSpan, SeenMinute, find_problem, first_minute, is_excused
from simulator.markets import PublishedKline
from simulator.nanotime import MINUTE

MADE = PublishedKline(
    start_ns=MINUTE,
    open=Decimal("1.0"),
    high=Decimal("3.0"),
    low=Decimal("0.5"),
    close=Decimal("2.0"),
    volume=Decimal("7.5"),
    quote_volume=Decimal(9),
    count=4,
)


def minute(**changes: object) -> SeenMinute:
    """Return the candle of that minute."""
    seen: dict[str, object] = {
        "openTime": "1970-01-01T00:01:00.000Z",
        "closeTime": "1970-01-01T00:02:00.000Z",
        "open": "1",
        "high": "3.00",
        "low": "0.5",
        "close": "2",
        "volume": "7.50",
        "tradeCount": 4,
        "coverage": "COMPLETE",
        "origin": "TRADES",
    }
    return {**seen, **changes}  # type: ignore[typeddict-item]


def test_a_whole_minute_equals_the_truth_by_value() -> None:
    """However the numbers are written; a count may be unknown."""
    assert find_problem(minute(), MADE, []) is None
    assert find_problem(minute(tradeCount=None), MADE, []) is None


@pytest.mark.parametrize(
    "changes",
    [{"close": "2.1"}, {"volume": "7.4"}, {"tradeCount": 3}, {"high": None}, {"coverage": "NO_TRADES"}],
)
def test_a_silent_difference_is_found(changes: dict[str, object]) -> None:
    """In any of the fields."""
    assert find_problem(minute(**changes), MADE, []) is not None


def test_a_marked_minute_needs_a_gap_in_its_time() -> None:
    """Its values may be anything."""
    partial = minute(coverage="PARTIAL", volume="1")
    inside = {"from": "1970-01-01T00:01:59.000Z", "to": "1970-01-01T00:05:00.000Z"}
    before = {"from": "1970-01-01T00:00:00.000Z", "to": "1970-01-01T00:01:00.000Z"}
    assert find_problem(partial, MADE, [before, inside]) is None
    assert find_problem(partial, MADE, [before]) == "PARTIAL without a gap"


def test_only_faults_without_a_trace_excuse_a_difference() -> None:
    """Of the same source, at that time."""
    window = 1_000.0, 1_060.0

    def fault(source: str, name: str, began_at: float = 1_010.0) -> list[FaultSpan]:
        return [FaultSpan(source=source, fault=name, began_at=began_at, healed_at=began_at + 5)]

    assert is_excused("okx", window, fault("okx", "clock offset_s=60"))
    assert is_excused("okx", window, fault("okx", "frozen mode=price(BTC)"))
    assert is_excused("bybit", window, fault("bybit", "silent(BTC)"))
    assert not is_excused("okx", window, fault("okx", "silent(BTC)"))
    assert not is_excused("okx", window, fault("kraken", "clock offset_s=60"))
    assert not is_excused("okx", window, fault("okx", "clock offset_s=60", began_at=1_500.0))
    assert not is_excused("bybit", window, fault("bybit", "disconnect code=1006"))


def test_the_first_minute_is_one_that_began_after_the_start() -> None:
    """Nobody saw the whole minute of the start."""
    assert first_minute(59.5) == 60
    assert first_minute(60.0) == 60
    assert first_minute(61.0) == 120
