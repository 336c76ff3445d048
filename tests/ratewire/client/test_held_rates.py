"""The rates that a client holds, and whether each is fresh by the server's clock."""

from datetime import UTC, datetime, timedelta

import pytest

from ratewire.client.resuming import HeldRates
from tests.json_types import JsonObject

NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
BTC, ETH = "Rate:OKX:BTC/USDT", "Rate:OKX:ETH/USDT"


class Clocks:
    """A wall clock that is an hour late, and a monotonic clock."""

    def __init__(self) -> None:
        self.wall_s = NOON.timestamp() - 3600
        self.elapsed_s = 5.0

    def advance(self, seconds: float) -> None:
        self.wall_s += seconds
        self.elapsed_s += seconds


@pytest.fixture
def clocks() -> Clocks:
    return Clocks()


@pytest.fixture
def rates(clocks: Clocks) -> HeldRates:
    return HeldRates(wall_s=lambda: clocks.wall_s, elapsed=lambda: clocks.elapsed_s)


def item(symbol: str, observed_s: float = 0) -> JsonObject:
    observed_at = (NOON + timedelta(seconds=observed_s)).isoformat()
    source = {"code": "OKX"}
    return {
        "id": f"Rate:OKX:{symbol}",
        "symbol": symbol,
        "source": source,
        "observedAt": observed_at,
        "ttlMs": 10_000,
    }


def event(kind: str, *items: JsonObject, sent_s: float = 0, **others: object) -> JsonObject:
    sent_at = (NOON + timedelta(seconds=sent_s)).isoformat().replace("+00:00", "Z")
    return {"kind": kind, "recovered": None, "sentAt": sent_at, "items": items, "unavailable": [], **others}


def test_a_rate_is_fresh_up_to_its_time_to_live(rates: HeldRates) -> None:
    """As the server says; one that is not held never is."""
    rates.apply(event("SNAPSHOT", item("BTC/USDT")))
    assert rates.is_fresh(BTC, NOON + timedelta(seconds=10))
    assert not rates.is_fresh(BTC, NOON + timedelta(seconds=10, milliseconds=1))
    assert not rates.is_fresh(ETH, NOON)
    rates.apply(event("UPDATE", item("BTC/USDT", 5)))
    assert rates.held[BTC].is_fresh(NOON + timedelta(seconds=15))


def test_the_time_is_that_of_the_server_whatever_the_clock_of_the_machine(
    rates: HeldRates, clocks: Clocks
) -> None:
    """The least delayed of the last events counts: a late one makes no rate younger."""
    rates.apply(event("SNAPSHOT"))
    assert rates.now() == NOON
    clocks.advance(60)
    rates.apply(event("UPDATE", sent_s=1))
    assert rates.now() == NOON + timedelta(seconds=60)
    for _ in range(20):
        rates.apply(event("HEARTBEAT", sent_s=50))
    assert rates.now() == NOON + timedelta(seconds=50)


def test_of_the_clocks_the_later_one_counts(rates: HeldRates, clocks: Clocks) -> None:
    """The wall clock may be set back, and the monotonic one stand still during sleep."""
    rates.apply(event("SNAPSHOT"))
    clocks.advance(7)
    clocks.wall_s -= 3600
    assert rates.now() == NOON + timedelta(seconds=7)
    clocks.wall_s += 3600 + 100
    assert rates.now() == NOON + timedelta(seconds=107)


def test_before_the_first_event_the_time_is_that_of_the_machine(rates: HeldRates, clocks: Clocks) -> None:
    """Nothing is held yet, and nothing arrives."""
    assert not rates.is_connected
    assert rates.now().timestamp() == clocks.wall_s


def test_unavailable_rates_are_not_held(rates: HeldRates) -> None:
    """Of one source or of all; a rate that comes back is available again."""
    rates.apply(event("SNAPSHOT", item("BTC/USDT"), item("ETH/USDT")))
    of_okx = {"symbol": "BTC/USDT", "source": {"code": "OKX"}, "reason": "SUSPECT_IDENTITY"}
    of_all = {"symbol": "ETH/USDT", "source": None, "reason": "NOT_TRADING"}
    rates.apply(event("UPDATE", unavailable=[of_okx]))
    assert (set(rates.held), rates.unavailable) == ({ETH}, {("BTC/USDT", "OKX"): of_okx})
    rates.apply(event("UPDATE", unavailable=[of_all]))
    assert rates.held == {}
    rates.apply(event("UPDATE", item("BTC/USDT"), item("ETH/USDT")))
    assert (set(rates.held), rates.unavailable) == ({BTC, ETH}, {})


def test_only_a_recovered_snapshot_adds_to_what_is_held(rates: HeldRates) -> None:
    """Between a loss or a GAP and the next snapshot, changes may be missing."""
    rates.apply(event("SNAPSHOT", item("BTC/USDT")))
    assert (rates.is_connected, set(rates.held)) == (True, {BTC})
    rates.lose()
    assert (rates.is_connected, set(rates.held)) == (False, {BTC})
    rates.apply(event("SNAPSHOT", item("ETH/USDT"), recovered=True))
    assert (rates.is_connected, set(rates.held)) == (True, {BTC, ETH})
    rates.apply(event("GAP"))
    assert (rates.is_connected, set(rates.held)) == (False, {BTC, ETH})
    rates.apply(event("SNAPSHOT", item("ETH/USDT"), recovered=False))
    assert (rates.is_connected, set(rates.held)) == (True, {ETH})
