"""The rates that `ratewire watch` keeps and shows, with a fake clock."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest
from rich.console import Console

from ratewire.client.quotes import Quotes, WatchedEvent, WatchedGap, WatchedRate
from ratewire.client.quotes_table import draw, format_age

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


def text(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")


def rate(price: str, *, source: str = "BINANCE", age_s: float = 0, now: datetime = NOW) -> WatchedRate:
    return {
        "id": f"Rate:{source}:BTC/USDT",
        "symbol": "BTC/USDT",
        "source": {"code": source},
        "price": price,
        "changePercent24h": "-1.5",
        "observedAt": text(now - timedelta(seconds=age_s)),
        "ttlMs": 10_000,
        "freshness": "FRESH",
        "simulated": False,
    }


def event(
    kind: str,
    *items: WatchedRate,
    sent_at: datetime = NOW,
    recovered: bool | None = None,
    unavailable: Sequence[WatchedGap] = (),
) -> WatchedEvent:
    return {
        "kind": kind,
        "sentAt": text(sent_at),
        "recovered": recovered,
        "items": list(items),
        "unavailable": list(unavailable),
    }


def shown(quotes: Quotes, now: datetime = NOW) -> str:
    console = Console(width=120, no_color=True)
    with console.capture() as capture:
        console.print(draw(quotes, "live", now))
    return capture.get()


def test_an_update_replaces_the_price_and_tells_its_direction() -> None:
    """Up, down; an unchanged price keeps the last direction."""
    quotes = Quotes()
    directions = []
    quotes.apply(event("SNAPSHOT", rate("100")), NOW)
    for price in ("100.5", "99", "99"):
        quotes.apply(event("UPDATE", rate(price)), NOW)
        (quote,) = quotes
        directions.append(quote.direction)
    assert directions == [1, -1, -1]
    assert "99 ▼" in shown(quotes)


def test_prices_are_compared_as_decimals() -> None:
    """`9` is below `10`, and `10.0` equals `10`."""
    quotes = Quotes()
    quotes.apply(event("SNAPSHOT", rate("9")), NOW)
    quotes.apply(event("UPDATE", rate("10")), NOW)
    quotes.apply(event("UPDATE", rate("10.0")), NOW + timedelta(seconds=5))
    (quote,) = quotes
    assert (quote.direction, quote.moved_at) == (1, NOW)


def test_a_recovered_snapshot_adds_and_a_whole_one_replaces() -> None:
    """A recovered snapshot updates the known rates; after a GAP the known rates are dropped."""
    quotes = Quotes()
    quotes.apply(event("SNAPSHOT", rate("1"), rate("2", source="OKX")), NOW)
    quotes.apply(event("SNAPSHOT", rate("3"), recovered=True), NOW)
    assert [quote.price for quote in quotes] == ["3", "2"]
    quotes.apply(event("SNAPSHOT", rate("4"), recovered=False), NOW)
    assert [quote.price for quote in quotes] == ["4"]


@pytest.mark.parametrize(("source", "left"), [("OKX", ["1"]), (None, [])])
def test_what_is_unavailable_goes_and_is_explained(source: str | None, left: list[str]) -> None:
    """For one source or for all; a later rate makes the instrument available again."""
    quotes = Quotes()
    quotes.apply(event("SNAPSHOT", rate("1"), rate("2", source="OKX")), NOW)
    gone: WatchedGap = {
        "symbol": "BTC/USDT",
        "source": {"code": source} if source else None,
        "reason": "UNKNOWN_SYMBOL",
        "message": "tracked no more",
    }
    quotes.apply(event("UPDATE", unavailable=[gone]), NOW)
    assert [quote.price for quote in quotes] == left
    assert "BTC/USDT: tracked no more" in shown(quotes)
    quotes.apply(event("UPDATE", rate("5", source=source or "OKX")), NOW)
    assert "tracked no more" not in shown(quotes)


@pytest.mark.parametrize(
    ("age_s", "freshness"), [(10, "FRESH"), (10.001, "STALE"), (100, "STALE"), (100.001, "EXPIRED")]
)
def test_a_quote_ages_though_nothing_arrives(age_s: float, freshness: str) -> None:
    """The server's rule, at its limits."""
    quotes = Quotes()
    quotes.apply(event("SNAPSHOT", rate("1")), NOW)
    (quote,) = quotes
    later = NOW + timedelta(seconds=age_s)
    assert quote.freshness_at(quotes.server_time(later)) == freshness
    assert freshness in shown(quotes, later)


def test_ages_are_counted_by_the_servers_clock() -> None:
    """A client whose clock is an hour behind shows the same age as all others."""
    quotes = Quotes()
    behind = NOW - timedelta(hours=1)
    quotes.apply(event("SNAPSHOT", rate("1", age_s=3)), behind)
    assert "3.0 s" in shown(quotes, behind)


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [(-1, "0.0 s"), (9.94, "9.9 s"), (10, "10 s"), (119, "119 s"), (150, "2 min"), (7200, "2 h")],
)
def test_an_age_is_short_and_never_negative(seconds: float, expected: str) -> None:
    """Tenths of a second only below ten seconds."""
    assert format_age(timedelta(seconds=seconds)) == expected


def test_simulated_prices_are_labelled() -> None:
    """They must not look like real prices."""
    quotes = Quotes()
    quotes.apply(event("SNAPSHOT", {**rate("1"), "simulated": True}), NOW)
    assert "SIMULATED" in shown(quotes)
