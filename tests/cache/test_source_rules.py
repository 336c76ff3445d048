"""The state of a source follows from facts by rules, and every state but UP says why."""

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from cache.source_rules import SourceFacts, SourceState, assess
from rates.health import LISTINGS_ROLE, PRODUCER_ROLE, STREAM_ROLE, CallBudgetState, LinkState, SourceReport
from rates.source import Source
from rates.symbol import Symbol

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
TTL = timedelta(seconds=10)


def report(state: LinkState = LinkState.UP, instance: str = "a", **fields: Any) -> SourceReport:
    defaults: dict[str, Any] = {"reason": None, "refused": 0, "reconnects": 0, "reported_at": NOW}
    defaults["role"] = "consumer"
    defaults |= fields
    return SourceReport(source=Source.BINANCE, instance=instance, state=state, **defaults)


def feed(*silent: Symbol, count: int | None = None, instance: str = "s", **fields: Any) -> SourceReport:
    counted = len(silent) if count is None else count
    return SourceReport(
        source=Source.BINANCE,
        instance=instance,
        role=STREAM_ROLE,
        state=fields.pop("state", LinkState.UP),
        reason="silent: some" if counted else None,
        refused=0,
        reconnects=0,
        reported_at=NOW,
        silent=silent,
        silent_count=counted,
    )


def facts(*reports: SourceReport, age_s: float | None = 1, **fields: Any) -> SourceFacts:
    defaults: dict[str, Any] = {
        "last": None,
        "tickers_per_minute": 5,
        "tracked": 4,
        "seen": 4,
        "fresh": 4,
        "ttl": TTL,
        "simulated": False,
        "latest_observed_at": None if age_s is None else NOW - timedelta(seconds=age_s),
    }
    defaults |= fields
    return SourceFacts(source=Source.BINANCE, reports=reports, **defaults)


HELD = "5 of 5 tracked instruments are missing in the database"
UP, LIMITED, BLOCKED, DOWN = (report(state, state.value) for state in LinkState)
FULL = report(instance="f", cache_error="Redis: full")
LISTED = report(instance="l", role=LISTINGS_ROLE)
UNLISTED = report(LinkState.DOWN, "l", role=LISTINGS_ROLE, reason="listing not believed")


@pytest.mark.parametrize(
    ("known", "expected"),
    [
        (facts(UP), SourceState.UP),
        (facts(UP, age_s=10), SourceState.UP),
        (facts(UP, age_s=10.001), SourceState.STALLED),
        (facts(UP, age_s=None), SourceState.STALLED),
        (facts(UP, DOWN), SourceState.DEGRADED),
        (facts(UP, fresh=1), SourceState.DEGRADED),
        (facts(UP, fresh=2), SourceState.UP),
        (facts(LIMITED), SourceState.RATE_LIMITED),
        (facts(LIMITED, BLOCKED, DOWN), SourceState.RATE_LIMITED),
        (facts(BLOCKED, DOWN), SourceState.BLOCKED),
        (facts(DOWN, age_s=99), SourceState.DOWN),
        (facts(UP, DOWN, age_s=99), SourceState.STALLED),
        (facts(UP, LISTED), SourceState.UP),
        (facts(UP, UNLISTED), SourceState.DEGRADED),
        (facts(DOWN, LISTED, age_s=99), SourceState.DOWN),
        (facts(BLOCKED, LISTED), SourceState.BLOCKED),
        (facts(LISTED, age_s=11), SourceState.DOWN),
        (facts(LISTED), SourceState.DEGRADED),
        (facts(), SourceState.DEGRADED),
        (facts(age_s=11), SourceState.DOWN),
        (facts(UP, cut_off="the cache is away"), SourceState.DEGRADED),
        (facts(UP, cut_off="the cache is away", age_s=11), SourceState.DOWN),
        (facts(UP, FULL), SourceState.DEGRADED),
        (facts(UP, FULL, age_s=11), SourceState.DOWN),
        (facts(UP, report(instance="l", role=LISTINGS_ROLE, cache_error="full")), SourceState.UP),
    ],
)
def test_the_facts_amount_to_a_state_with_its_reason(known: SourceFacts, expected: SourceState) -> None:
    """Each rule once, at its limits."""
    status = assess(known, NOW)
    assert status.state is expected
    assert (status.reason is None) == (expected is SourceState.UP)


def test_a_cache_that_refuses_writes_is_named_and_not_the_source() -> None:
    """By the process that reported last; one that cannot be reached explains more."""
    older = report(instance="o", cache_error="Redis: older", reported_at=NOW - timedelta(seconds=1))
    assert (
        assess(facts(older, FULL, DOWN, age_s=11), NOW).reason == "the cache cannot be written: Redis: full"
    )
    assert assess(facts(FULL, cut_off="away", age_s=11), NOW).reason == "away"


def test_wrong_clocks_are_named_and_shown_as_skew() -> None:
    """Of processes and of the gateway, from five seconds on, that of a producer included."""
    ahead = report(instance="consumer-h1-7", clock_skew=timedelta(minutes=5))
    behind = report(instance="producer-h2-9", role=PRODUCER_ROLE, clock_skew=timedelta(seconds=-30))
    status = assess(facts(ahead, behind, UP, clock_problem="Redis' clock is 9 s ahead"), NOW)
    assert status.state is SourceState.DEGRADED
    assert status.reason == (
        "the clock of consumer-h1-7 is 300 s ahead of the true time; the clock of producer-h2-9 is 30 s behind the true time; "
        "gateway: Redis' clock is 9 s ahead"
    )
    assert status.skew_ms == 300_000
    stalled = assess(facts(ahead, age_s=11), NOW)
    assert stalled.state is SourceState.STALLED
    assert "consumer-h1-7 is 300 s ahead" in (stalled.reason or "")
    assert assess(facts(UP, clock_skew=timedelta(seconds=-6)), NOW).skew_ms == 6_000
    near = assess(facts(report(clock_skew=timedelta(seconds=4.9)), clock_skew=timedelta(seconds=1)), NOW)
    assert (near.state, near.skew_ms) == (SourceState.UP, None)
    assert assess(facts(behind), NOW).reason == "no process has reported on it for a minute"


def test_figures_of_all_processes_are_added_and_the_latest_budget_counts() -> None:
    """The budget is shared by all, so adding it up would be wrong."""
    old = CallBudgetState(30, 2, NOW - timedelta(seconds=9))
    new = CallBudgetState(30, 3, NOW)
    before = CallBudgetState(30, 4, NOW)
    status = assess(
        facts(
            report(instance="a", refused=2, reconnects=1, budget=old),
            report(instance="b", refused=3, reconnects=4, budget=new, reported_at=NOW - timedelta(seconds=9)),
            report(instance="d", budget=before),
            report(instance="c"),
        ),
        NOW,
    )
    assert (status.refused, status.reconnects, status.budget) == (5, 5, new)


def test_the_reason_says_who_and_why() -> None:
    """A person can act on it."""
    troubled = report(LinkState.RATE_LIMITED, "b", reason="429, retry after 30 s")
    assert assess(facts(UP, troubled), NOW).reason == (
        "1 of 2 processes (consumer: RATE_LIMITED: 429, retry after 30 s)"
    )
    assert assess(facts(troubled), NOW).reason == "consumer: 429, retry after 30 s"


BTC, ETH, SOL = Symbol("BTC", "USDT"), Symbol("ETH", "USDT"), Symbol("SOL", "USDT")


def test_silent_symbols_degrade_their_source_and_are_listed() -> None:
    """Its other values are as good as before; the reason is the feed's own."""
    status = assess(facts(UP, feed(BTC, ETH)), NOW)
    assert (status.state, status.reason) == (SourceState.DEGRADED, "silent: some")
    assert (status.silent, status.silent_count) == ([BTC, ETH], 2)


def test_what_all_push_feeds_remark_is_shown_though_they_deliver() -> None:
    """Maintenance or a lost connection is shown, unless one feed has no notice."""
    remarks = [report(instance=each, role=STREAM_ROLE, reason=f"{each}: maintenance") for each in "ab"]
    known = assess(facts(*remarks), NOW)
    assert (known.state, known.reason) == (SourceState.DEGRADED, "a: maintenance")
    assert assess(facts(remarks[0], feed()), NOW).state is SourceState.UP
    assert assess(facts(report(reason="a note of a consumer")), NOW).state is SourceState.UP
    stalled = assess(facts(*remarks, age_s=42), NOW)
    assert stalled.state is SourceState.STALLED
    assert stalled.reason == "its newest value is 42 s old, past its 10 s; a: maintenance"
    polled = assess(facts(report(reason="all are from the future"), age_s=None), NOW)
    assert (polled.state, polled.reason) == (
        SourceState.STALLED,
        "nothing seen yet; all are from the future",
    )


def test_an_announcement_is_shown_and_degrades_nothing() -> None:
    """Beside the reason, if there is one."""
    announced = report(role=STREAM_ROLE, announcement="maintenance at 8")
    status = assess(facts(announced), NOW)
    assert (status.state, status.reason) == (SourceState.UP, "maintenance at 8")
    status = assess(facts(announced, age_s=42), NOW)
    assert status.state is SourceState.STALLED
    assert str(status.reason).endswith("past its 10 s; maintenance at 8")


def test_what_another_replica_of_the_feed_hears_is_not_silent() -> None:
    """Only what all of them miss is missing; one that is down says nothing about it."""
    one, other = feed(BTC, ETH, instance="1"), feed(ETH, SOL, instance="2")
    assert assess(facts(UP, one, other), NOW).silent == [ETH]
    assert assess(facts(UP, feed(BTC), feed(instance="2")), NOW).state is SourceState.UP
    down = assess(facts(UP, feed(BTC), feed(instance="2", state=LinkState.DOWN)), NOW)
    assert (down.state, down.silent) == (SourceState.DEGRADED, [BTC])


def test_the_reason_names_no_silent_symbols_that_the_status_does_not_list() -> None:
    """A reason `silent: … and 64 more` stood beside an empty list of silent symbols."""
    deaf = feed(BTC, ETH, count=67)
    stalled = assess(facts(deaf, feed(instance="2"), age_s=42), NOW)
    assert (stalled.state, stalled.silent_count) == (SourceState.STALLED, 0)
    assert stalled.reason == "its newest value is 42 s old, past its 10 s"
    alone = assess(facts(deaf, age_s=42), NOW)
    assert (alone.silent_count, str(alone.reason).endswith("silent: some")) == (67, True)
    better = msgspec.structs.replace(feed(BTC, instance="2"), reason="silent: BTC/USDT")
    both = assess(facts(better, deaf), NOW)
    assert (both.silent, both.reason) == ([BTC], "silent: BTC/USDT")


def test_more_silent_symbols_than_can_be_named_are_counted() -> None:
    """The first of them are listed."""
    status = assess(facts(UP, feed(BTC, ETH, count=300), feed(BTC, SOL, count=400, instance="2")), NOW)
    assert (status.silent, status.silent_count) == ((BTC, ETH), 300)
    assert status.state is SourceState.DEGRADED


LATE = NOW + timedelta(seconds=11)


@pytest.mark.parametrize(("age_s", "state"), [(1, SourceState.DEGRADED), (11, SourceState.DOWN)])
def test_a_lone_process_that_has_stopped_reporting_is_named(age_s: float, state: SourceState) -> None:
    """Killed, frozen or cut off: DEGRADED before its values are stale, DOWN once they are."""
    status = assess(facts(feed(instance="stream-h1-7"), age_s=age_s, cache_time=LATE), NOW)
    assert status.state is state
    assert (status.reason or "").startswith(
        "stream-h1-7 has not reported since 2026-11-22T12:00:00+00:00: it has ended"
    )


def test_a_process_that_reports_speaks_for_those_that_have_gone() -> None:
    """As after a restart: the report of the old process stays for a minute."""
    gone, new = report(instance="old"), report(instance="new", reported_at=LATE)
    assert assess(facts(gone, new, cache_time=LATE), NOW).state is SourceState.UP
    at_the_bound = assess(facts(gone, cache_time=NOW + timedelta(seconds=10)), NOW)
    assert at_the_bound.state is SourceState.UP


def test_a_polled_source_without_tasks_names_its_producer() -> None:
    """Gone, or without its queue; not while another producer reports and has no trouble."""
    consumer = report(reported_at=LATE)
    gone = report(instance="producer-h1-1", role=PRODUCER_ROLE)
    stuck = report(instance="p2", role=PRODUCER_ROLE, reported_at=LATE, reason="RabbitMQ: refused")
    fine = report(instance="p3", role=PRODUCER_ROLE, reported_at=LATE)
    reasons = [
        assess(facts(consumer, *producers, age_s=11, cache_time=LATE), NOW).reason or ""
        for producers in ([gone], [gone, stuck], [gone, fine])
    ]
    assert "no tasks: producer-h1-1 has not reported since" in reasons[0]
    assert reasons[1].endswith("no tasks: RabbitMQ: refused")
    assert "no tasks" not in reasons[2]


@pytest.mark.parametrize("age_s", [1, 60])
def test_instruments_that_are_held_back_are_said_beside_every_other_reason(age_s: float) -> None:
    """A source that is well otherwise is DEGRADED: an operator has to act."""
    status, without = assess(facts(UP, age_s=age_s, held_back=HELD), NOW), assess(facts(UP, age_s=age_s), NOW)
    assert status.reason == "; ".join(filter(None, (without.reason, HELD)))
    expected = SourceState.DEGRADED if without.state is SourceState.UP else without.state
    assert status.state is expected
