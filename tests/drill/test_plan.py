"""Coverage of the drill, and what its conditions detect."""

import socket
import time
from collections import deque
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import cycle, islice
from urllib.parse import urlsplit

import pytest

from drill.conditions import (
    StepObservations,
    future_named,
    names,
    reconnected,
    refused_alone,
    refused_and_shown,
    resubscribed,
    silent_alone,
    stale_alone,
)
from drill.fault_run import StepOutcome
from drill.health_monitor import ObservedHealth
from drill.plan import REDIS_FAILOVER, all_steps_of, process_steps_of, steps_of
from drill.process_faults import PROCESS_FAULTS, DrillLoop, black_hole_host, black_holes, name_sources
from drill.published_prices import PublishedPrices
from drill.redis_pair import has_redis
from drill.report import DrillReport, merge_client_counts
from drill.schedule import Schedule
from drill.subscriber import DrillSubscriber, RateItem, RatesPayload
from rates.source import Source
from simulator.faults.kinds import kinds_of
from simulator.server import SimulatorAddresses

NAMES = {"okx": {"BTC/USDT": "BTC-USDT"}}


HEALTHY = ObservedHealth(
    at=0.0, state="UP", reason=None, refused=0, reconnects=0, tracked=10, fresh=10, halted=0, silent=()
)


def item(price: str = "100", *, age_s: float = 0.0, freshness: str = "FRESH") -> RateItem:
    return {
        "id": "Rate:OKX:BTC/USDT",
        "source": {"code": "OKX"},
        "symbol": "BTC/USDT",
        "price": price,
        "observedAt": (datetime.now(UTC) - timedelta(seconds=age_s)).isoformat(),
        "ttlMs": 4000,
        "ageMs": int(age_s * 1000),
        "freshness": freshness,
    }


def event(*items: RateItem) -> RatesPayload:
    return {
        "kind": "UPDATE",
        "cursor": "",
        "recovered": None,
        "sentAt": datetime.now(UTC).isoformat(),
        "items": list(items),
        "unavailable": [],
    }


@pytest.fixture
def subscriber() -> DrillSubscriber:
    published = PublishedPrices()
    published.on_price("okx", "BTC-USDT", "100")
    return DrillSubscriber("http://nowhere", published, NAMES)


@pytest.mark.parametrize("source", list(Source))
def test_every_fault_of_every_source_is_in_the_drill(source: Source) -> None:
    """A fault or source without an expectation fails here."""
    assert {step.fault for step in all_steps_of(source.value)} == set(kinds_of(source.value))


@pytest.mark.parametrize("source", list(Source))
def test_every_source_is_drilled_with_a_proxy_and_a_silent_ipv6_address(source: Source) -> None:
    """Faults of the process are part of the whole drill, though the simulator has none of them."""
    drilled = {step.fault for step in process_steps_of(source.value)}
    assert drilled == {*PROCESS_FAULTS, *([REDIS_FAILOVER] if has_redis() else [])}
    whole = steps_of(source.value)
    assert all(step in whole for step in process_steps_of(source.value))


@pytest.mark.servers
async def test_a_black_hole_answers_nothing_and_comes_first() -> None:
    """The name of a source leads there first while it has one."""
    loop = DrillLoop()
    misses: list[str] = []
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        url = f"ws://127.0.0.1:{server.getsockname()[1]}"
        addresses = SimulatorAddresses(**dict.fromkeys(SimulatorAddresses.__annotations__, url))
        with black_holes(addresses, misses.append):
            assert misses == []
    try:
        name = urlsplit(name_sources(addresses).kraken_stream_url).hostname
        assert [each[4][0] for each in await loop.getaddrinfo(name, 9)] == ["127.0.0.1"]
        loop.black_holes.add("kraken.localhost")
        found = [each[4][0] for each in await loop.getaddrinfo(name, 9)]
        assert found == [black_hole_host(), "127.0.0.1"]
    finally:
        loop.close()


def test_two_systems_share_the_steps_and_meet_in_the_middle() -> None:
    """No step is taken twice or left over.

    One system starts with undisturbed steps, the other with the longest.
    """
    steps = steps_of("okx")
    schedule = Schedule({"kraken": deque(), "okx": deque(steps)})
    there, back = schedule.take("okx", 1), schedule.take("okx", 0)
    taken = [next(system) for system in islice(cycle((there, back)), len(steps))]
    assert taken[0::2] == steps[: len(taken[0::2])]
    assert taken[1::2] == steps[: -len(taken[1::2]) - 1 : -1]
    assert (next(there, None), next(back, None), len(schedule)) == (None, None, 0)


def test_in_each_system_some_sources_stay_undisturbed_while_others_have_outages() -> None:
    """Otherwise nothing would prove that one feed does not disturb another."""
    for system in range(2):
        schedule = Schedule({source.value: deque(steps_of(source.value)) for source in Source})
        first = [next(schedule.take(source.value, system)) for source in Source]
        assert [step.is_undisturbed for step in first].count(True) == len(Source) / 2


def test_an_honest_value_is_no_miss(subscriber: DrillSubscriber) -> None:
    """A fresh value just published, and an old one marked STALE."""
    subscriber.judge_event(event(item(age_s=5, freshness="STALE")), subscriber.values)
    subscriber.judge_event(event(item()), subscriber.values)
    assert (subscriber.misses, subscriber.judged) == ([], 2)


# Built in the test: collection may be minutes earlier.
@pytest.mark.parametrize(
    ("price", "age_s", "failure"),
    [("100", 5, "FRESH at an age of "), ("101", 0, "never published 101")],
)
def test_a_wrong_value_is_a_miss(subscriber: DrillSubscriber, price: str, age_s: float, failure: str) -> None:
    """An old value served as fresh, or a price that was never published."""
    subscriber.judge_event(event(item(price, age_s=age_s)), subscriber.values)
    assert failure in subscriber.misses[0]


def test_an_older_value_after_a_newer_one_is_a_miss(subscriber: DrillSubscriber) -> None:
    """`observedAt` never decreases for a subscriber."""
    subscriber.judge_event(event(item()), subscriber.values)
    subscriber.judge_event(event(item(age_s=3)), subscriber.values)
    assert "came after" in subscriber.misses[0]


def test_a_price_that_was_published_long_ago_is_a_miss(subscriber: DrillSubscriber) -> None:
    """A recent `observedAt` does not excuse an old price."""
    subscriber.clock = lambda: time.time() + 60
    subscriber.judge_event(event(item()), subscriber.values)
    assert "last published 60" in subscriber.misses[0]


def test_conditions() -> None:
    """Each condition detects the effect it is named for, and only that."""
    subscriber = DrillSubscriber("http://nowhere", PublishedPrices(), NAMES)

    def observation(now: ObservedHealth) -> StepObservations:
        return StepObservations("okx", "BTC/USDT", HEALTHY, now, subscriber)

    assert reconnected(observation(replace(HEALTHY, reconnects=1)))
    assert not reconnected(observation(HEALTHY))
    shown = replace(HEALTHY, state="STALLED", reason="old")
    assert refused_and_shown(observation(replace(shown, refused=1)))
    assert not refused_and_shown(observation(replace(HEALTHY, refused=1)))
    assert not refused_and_shown(observation(shown))
    assert silent_alone(observation(replace(HEALTHY, silent=("BTC/USDT",), fresh=9)))
    assert not silent_alone(observation(replace(HEALTHY, silent=("BTC/USDT",), fresh=8)))
    assert refused_alone(observation(replace(HEALTHY, refused=1)))
    assert not refused_alone(observation(replace(HEALTHY, refused=1, reconnects=1)))
    assert resubscribed(observation(replace(HEALTHY, reconnects=1)))
    assert not resubscribed(observation(replace(HEALTHY, reconnects=1, fresh=9)))
    assert names("book")(observation(replace(HEALTHY, reason="the Book is silent")))
    assert not names("book")(observation(HEALTHY))
    assert not future_named(observation(replace(shown, refused=1)))
    assert future_named(observation(replace(shown, refused=1, reason="is this machine's clock right?")))
    assert stale_alone(observation(replace(HEALTHY, fresh=9)))
    assert not stale_alone(observation(HEALTHY))


def test_the_counts_of_all_simulators_are_added_up() -> None:
    """Calls and violations are summed; the busiest minute is a maximum."""
    one = {"calls": 3, "most_calls_in_a_minute": 3, "violations": {"weight": 1}, "last_violations": ["a"]}
    other = {"calls": 5, "most_calls_in_a_minute": 4, "violations": {"weight": 1}, "last_violations": ["b"]}
    assert merge_client_counts([one, other]) == {
        "calls": 8,
        "most_calls_in_a_minute": 4,
        "violations": {"weight": 2},
        "last_violations": ["a", "b"],
    }


def test_a_broken_limit_or_a_ban_is_a_miss() -> None:
    """The simulator's counters are judged as well."""
    counted = {"violations": {}, "bans": 0}
    outcome = StepOutcome("okx", "silence", "replaced")
    assert DrillReport([outcome], {"okx": counted}, 0, 1.0, ()).misses() == []
    broken = {"violations": {"retry_after": 2}, "bans": 1}
    assert "2 x retry_after" in DrillReport([outcome], {"okx": broken}, 0, 1.0, ()).misses()[0]


def test_steps_whose_reaction_is_missing_run_on_request_only() -> None:
    """Each of them says what is missing; the others make up the whole drill."""
    for source in Source:
        every, whole = all_steps_of(source.value), steps_of(source.value)
        assert [step for step in every if step not in whole] == [
            step for step in every if step.expected.awaits
        ]
