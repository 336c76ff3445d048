"""The drill of the distributed form: its short form, and what its judgement finds."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from rich.console import Console

from drill.distributed.app import run_chaos, select
from drill.distributed.faults import FAULTS, SHORT
from drill.distributed.judgement import ClientState, Excuses, SeenEvent, SeenRate, judge_answer
from drill.distributed.prometheus import ActiveAlert, Alerts, select_active
from drill.distributed.report import BEGIN, END, ChaosReport
from drill.distributed.slope import BLOCKS, fit_slope
from drill.distributed.soak import Samples, SoakReport
from drill.distributed.step import StepResult
from drill.distributed.system import COMMANDS, SERVERS
from rates.errors import InvalidSetting

NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)
SUBSCRIBERS = 8


def rate(*, age_s: float = 0.0, freshness: str = "FRESH", price: str = "100") -> SeenRate:
    return {
        "id": "Rate:KRAKEN:BTC/USD",
        "price": price,
        "observedAt": (NOW - timedelta(seconds=age_s)).isoformat(),
        "ttlMs": 6_000,
        "freshness": freshness,
    }


def event(*items: SeenRate, kind: str = "UPDATE", recovered: bool | None = None) -> SeenEvent:
    return {
        "kind": kind,
        "cursor": "c",
        "recovered": recovered,
        "sentAt": NOW.isoformat(),
        "items": list(items),
        "unavailable": [],
    }


def misses(
    client: ClientState, seen: SeenEvent, *, is_first: bool = False, excuses: Excuses | None = None
) -> list[str]:
    return list(client.take(seen, is_first=is_first, excuses=excuses or Excuses(), now=NOW.timestamp()))


@pytest.fixture
def client() -> ClientState:
    """A client that holds a value of now."""
    client = ClientState()
    assert misses(client, event(rate(), kind="SNAPSHOT"), is_first=True) == []
    return client


def test_an_older_observation_is_found(client: ClientState) -> None:
    """No `observedAt` goes back, not even by a second; an equal or newer one may come."""
    assert misses(client, event(rate())) == []
    assert "came after" in misses(client, event(rate(age_s=1)))[0]


def test_a_stale_value_called_fresh_is_found(client: ClientState) -> None:
    """By the true time, whatever the gateway says; bytes that a fault held up are excused."""
    client.held.clear()
    assert "FRESH on arrival" in misses(client, event(rate(age_s=60)))[0]
    client.held.clear()
    assert misses(client, event(rate(age_s=60, freshness="STALE"))) == []
    client.held.clear()
    assert misses(client, event(rate(age_s=30)), excuses=Excuses(held_up_s=40)) == []


def test_an_answer_is_judged_by_the_time_of_its_question() -> None:
    """A value that was stale when the client asked cannot be FRESH in the answer."""
    asked_at = NOW.timestamp()
    assert list(judge_answer([rate(age_s=5), rate(age_s=60, freshness="STALE")], asked_at)) == []
    assert len(list(judge_answer([rate(age_s=8)], asked_at))) == 1


def test_a_resumed_subscription_proves_what_was_missed_or_says_gap(client: ClientState) -> None:
    """Anything else is found, and so is a GAP where the cache lost nothing."""
    assert misses(client, event(kind="SNAPSHOT", recovered=True), is_first=True) == []
    assert "neither" in misses(client, event(kind="SNAPSHOT"), is_first=True)[0]
    assert "neither" in misses(client, event(rate(price="2")), is_first=True)[0]
    assert "GAP" in misses(client, event(kind="GAP"), is_first=True)[0]
    assert misses(client, event(kind="GAP"), is_first=True, excuses=Excuses(loses_cache=True)) == []
    assert client.gaps == 2


def test_a_value_that_comes_again_on_resuming_is_found(client: ClientState) -> None:
    """Unless the cache lost its contents; the same value with another freshness is news."""
    again = event(rate(), kind="SNAPSHOT", recovered=True)
    assert "came twice" in misses(client, again, is_first=True)[0]
    assert misses(client, again, is_first=True, excuses=Excuses(loses_cache=True)) == []
    stale = event(rate(freshness="STALE"), kind="SNAPSHOT", recovered=True)
    assert misses(client, stale, is_first=True) == []


def test_a_snapshot_after_a_gap_replaces_even_newer_values(client: ClientState) -> None:
    """It may be of a gateway that cannot reach the cache."""
    assert misses(client, event(rate(age_s=3), kind="SNAPSHOT", recovered=False)) == []
    assert client.held["Rate:KRAKEN:BTC/USD"] == rate(age_s=3)


def test_a_value_that_never_came_is_found(client: ClientState) -> None:
    """Compared with the cache: absent, or older than there."""
    truth: Mapping[str, datetime] = {"Rate:KRAKEN:BTC/USD": NOW, "Rate:KRAKEN:ETH/USD": NOW}
    assert ["never came" in each for each in client.missing(truth)] == [True]
    later = {"Rate:KRAKEN:BTC/USD": NOW + timedelta(seconds=1)}
    assert ["holds" in each for each in client.missing(later)] == [True]
    assert client.missing({"Rate:KRAKEN:BTC/USD": NOW - timedelta(seconds=1)}) == []


def test_a_value_that_became_unavailable_is_not_held(client: ClientState) -> None:
    """It is missing from then on, should the cache have it."""
    gone = event()
    gone["unavailable"].append({"symbol": "BTC/USD", "source": {"code": "KRAKEN"}, "reason": "NOT_TRADING"})
    assert misses(client, gone) == []
    assert client.held == {}
    assert "never came" in client.missing({"Rate:KRAKEN:BTC/USD": NOW})[0]


def test_every_process_and_every_server_is_killed_frozen_and_restarted() -> None:
    """One of each kind; the simulator stands for the exchanges, whose faults `make drill` has."""
    victims = {name.split("-")[0] for name in (*COMMANDS, *SERVERS)} - {"simulator"}
    drilled = {(fault.name.split("-")[0], fault.name.partition("-")[2]) for fault in FAULTS}
    missing = {(victim, kind) for victim in victims for kind in ("kill", "freeze", "restart")} - drilled
    assert missing == set()


def test_a_fault_is_selected_by_its_name() -> None:
    """All without a name; an unknown one is named with those that exist."""
    assert [fault.name for fault in select(SHORT)] == list(SHORT)
    assert select(()) == FAULTS
    with pytest.raises(InvalidSetting, match="redis-kill"):
        select(["nothing"])


def test_the_page_gets_the_table_between_its_markers(tmp_path: Path) -> None:
    """A row for each fault, and the sentence why one does not hold."""
    page = tmp_path / "chaos.md"
    page.write_text(f"# Before\n{BEGIN}\nprevious table\n{END}\nafter\n")
    held = StepResult(FAULTS[0], noticed_s=0.2, where="clients", recovered_s=1.5)
    report = ChaosReport([held, replace(held, misses=["GAP"])], SUBSCRIBERS, 10.0, {})
    report.write(page)
    text = page.read_text()
    assert text.startswith("# Before\n")
    assert text.endswith("\nafter\n")
    assert "previous" not in text
    assert text.count(f"| `{FAULTS[0].name}`") == 2
    assert f"- {FAULTS[0].name}: GAP" in text
    assert "1 of 2 faults held" in text


def sawtooth(per_hour: float, *, hours: float, swing: float) -> list[tuple[float, float]]:
    count = 240
    return [
        (second, 100 + per_hour * second / 3_600 + swing * (number % 3))
        for number in range(count)
        for second in [hours * 3_600 * number / count]
    ]


def test_growth_is_fitted_with_its_confidence() -> None:
    """A steady growth is found exactly; noise widens the interval, a longer run narrows it."""
    exact = fit_slope(sawtooth(2.0, hours=1, swing=0))
    assert exact.per_hour == pytest.approx(2.0)
    assert exact.exceeds(1.0)
    short, long = (fit_slope(sawtooth(0.0, hours=hours, swing=3)) for hours in (0.1, 10))
    assert long.margin < short.margin
    assert long.stays_within(1.0)
    with pytest.raises(ValueError, match=f"at least {BLOCKS}"):
        fit_slope([(0, 1)])


def test_a_soak_fails_for_growth_and_admits_what_it_cannot_show() -> None:
    """A server of others is shown and not judged."""
    flat = sawtooth(0.0, hours=1, swing=0)
    noisy = [(second, value + (number * 7 % 40)) for number, (second, value) in enumerate(flat)]
    samples = {
        "producer": Samples(flat, flat),
        "gateway-1": Samples(sawtooth(3.0, hours=1, swing=0), flat),
        "gateway-2": Samples(noisy, flat),
        "redis": Samples(sawtooth(9.0, hours=1, swing=0), flat),
    }
    report = SoakReport(samples, 3_600, 900, ())
    assert [each.split()[0] for each in report.failures()] == ["gateway-1"]
    assert report.unproved() == ["gateway-2"]


@pytest.mark.servers
@pytest.mark.alone
@pytest.mark.timeout(400)
@pytest.mark.long
@pytest.mark.parametrize("names", [SHORT], ids="+".join)
async def test_faults_of_the_distributed_form_hold(names: Sequence[str]) -> None:
    """A killed gateway, a frozen Redis, and a consumer with a wrong clock beside a frozen feed."""
    report = await run_chaos(select(names), Console(quiet=True), subscribers=SUBSCRIBERS)
    assert report.misses() == []
    assert [each.fault.name for each in report.results] == list(names)
    assert all(each.noticed_s is not None for each in report.results)
    assert sum(each.judged for each in report.results) > 100
    assert report.results[0].ended > 0, "nobody was at the killed gateway"


def test_alerts_of_sources_that_the_drill_does_not_run_say_nothing() -> None:
    """Their processes are missing from the start."""
    alerts: list[ActiveAlert] = [
        {"labels": {"alertname": "Down", "source": "OKX"}},
        {"labels": {"alertname": "Down", "source": "KRAKEN"}},
        {"labels": {"alertname": "Unreachable", "instance": "nginx"}},
        {"labels": {"alertname": "Silent", "source": "BYBIT"}},
    ]
    assert select_active(alerts) == {"Down", "Unreachable"}


async def test_an_alert_counts_if_it_was_active_since_the_fault() -> None:
    """One that ended before is missing, and one that is still active is named."""
    active = ["Down"]

    def answer(_request: httpx.Request) -> httpx.Response:
        return httpx.Response(
            200, json={"data": {"alerts": [{"labels": {"alertname": name}} for name in active]}}
        )

    async with httpx.AsyncClient(
        transport=httpx.MockTransport(answer), base_url="http://prometheus"
    ) as client:
        alerts = Alerts(client)
        await alerts.read()
        alerts.begin_step()
        active[:] = ["Lost"]
        await alerts.read()
        assert alerts.missing(("Down", "Lost")) == ["Down"]
        assert alerts.still_active(("Down", "Lost")) == ["Lost"]
