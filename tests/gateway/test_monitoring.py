"""docs/monitoring against a running gateway and the faults of the drills."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml  # type: ignore[import-untyped]  # comes without types; the facts below are checked at run time
from prometheus_client.parser import text_string_to_metric_families

from cache.memory import MemoryCache
from drill.distributed.expected_alerts import ALERTS
from drill.distributed.faults import FAULTS
from drill.distributed.prometheus import WINDOW, shorten_windows
from drill.plan import all_steps_of, process_steps_of
from rates.health import RECORDER_ROLE, CallBudgetState, HistoryReport, LinkState, SourceReport
from rates.source import Source
from simulator.sources import SOURCES
from tests.e2e.processes import eventually
from tests.gateway.fakes import FakeClock
from tests.gateway.fixture_types import BuildTicker, Serving

FOLDER = Path(__file__).resolve().parents[2] / "docs/monitoring"
RULES = (FOLDER / "alerts.yml").read_text()
README = (FOLDER / "README.md").read_text()
# Of Prometheus and the blackbox exporter.
NOT_OURS = {"up", "probe_success", "ALERTS"}
# Prometheus adds them.
TARGET_LABELS = {"job", "instance"}
PROMTOOL_TIMEOUT_S = 60
_METRIC = re.compile(r"\b(ratewire_[a-z_]+|process_[a-z_]+|up|probe_success|ALERTS)\b(?:\{([^}]*)\})?")
_LABEL = re.compile(r"(\w+)\s*(?:=~|!=|!~|=)")


class UsedMetric(NamedTuple):
    """A metric in an expression, with the labels that it is filtered by."""

    name: str
    labels: frozenset[str]


def read_rules() -> Mapping[str, str]:
    """Return the expression of each alert."""
    groups = yaml.safe_load(RULES)["groups"]
    return {rule["alert"]: rule["expr"] for group in groups for rule in group["rules"]}


def read_dashboard() -> Any:
    """Return the dashboard as JSON."""
    return json.loads((FOLDER / "dashboard.json").read_text())


def panel_expressions() -> Iterator[str]:
    """Yield the expressions of all panels."""
    for panel in read_dashboard()["panels"]:
        for target in panel.get("targets", ()):
            yield target["expr"]


def used_metrics(expression: str) -> Iterator[UsedMetric]:
    """Yield the metrics in an expression of PromQL."""
    for name, matchers in _METRIC.findall(re.sub(r'"[^"]*"', '""', expression)):
        yield UsedMetric(name, frozenset(_LABEL.findall(matchers)))


def read_rows(heading: str) -> list[list[str]]:
    """Return the cells of the table after a heading."""
    section = README.partition(f"{heading}\n")[2].partition("\n#")[0]
    rows = [line.strip("|").split("|") for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in row] for row in rows[2:]]


def quoted(cell: str) -> list[str]:
    """Return what stands in backticks."""
    return re.findall(r"`([^`]+)`", cell)


def run_promtool(*arguments: str) -> str:
    """Run promtool in the folder; return its output."""
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("promtool is not installed: tools/ensure-servers.sh installs it (Debian: prometheus)")
    done = subprocess.run(
        [promtool, *arguments],
        cwd=FOLDER,
        check=False,
        capture_output=True,
        text=True,
        timeout=PROMTOOL_TIMEOUT_S,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.servers
def test_promtool_accepts_the_rules_and_the_configuration() -> None:
    """The syntax is that of Prometheus."""
    assert f"{len(read_rules())} rules found" in run_promtool("check", "rules", "alerts.yml")
    run_promtool("check", "config", "prometheus.yml")


@pytest.mark.servers
def test_every_alert_fires_on_its_fault_and_is_silent_on_healthy_series() -> None:
    """As alerts_test.yml says, which has both for each alert."""
    tests = yaml.safe_load((FOLDER / "alerts_test.yml").read_text())["tests"]
    checks = [each for test in tests for each in test["alert_rule_test"]]
    assert {each["alertname"] for each in checks if each.get("exp_alerts")} == set(read_rules())
    assert {each["alertname"] for each in tests[0]["alert_rule_test"]} == set(read_rules())
    assert not any(each.get("exp_alerts") for each in tests[0]["alert_rule_test"])
    run_promtool("test", "rules", "alerts_test.yml")


@pytest.mark.servers
def test_promtool_accepts_the_expressions_of_the_dashboard(tmp_path: Path) -> None:
    """With Grafana's variables filled in."""
    rules = [
        {
            "record": f"panel:{number}",
            "expr": expression.replace("$__rate_interval", "1m").replace("$instance", ".*"),
        }
        for number, expression in enumerate(panel_expressions())
    ]
    file = tmp_path / "panels.yml"
    file.write_text(json.dumps({"groups": [{"name": "panels", "rules": rules}]}))
    assert f"{len(rules)} rules found" in run_promtool("check", "rules", str(file))


async def test_rules_and_dashboard_use_what_a_gateway_publishes_and_all_of_it(
    serving: Serving, cache: MemoryCache, ticker: BuildTicker, clock: FakeClock
) -> None:
    """Every metric, with the labels it is filtered by; and no metric of ours is left out."""
    await cache.write([ticker(price="1")])
    await cache.report(
        SourceReport(
            source=Source.BINANCE,
            instance="consumer-1",
            role="consumer",
            state=LinkState.UP,
            reason=None,
            refused=0,
            reconnects=0,
            reported_at=clock(),
            budget=CallBudgetState(10, 9, clock()),
        )
    )
    await cache.report(
        SourceReport(
            source=Source.BINANCE,
            instance="recorder-1",
            role=RECORDER_ROLE,
            state=LinkState.UP,
            reason=None,
            refused=0,
            reconnects=0,
            reported_at=clock(),
            history=HistoryReport(),
        )
    )
    async with serving(cache) as served, served.client() as client:

        async def read() -> dict[str, set[str]] | None:
            families = text_string_to_metric_families((await client.get("/metrics")).text)
            samples = [sample for family in families for sample in family.samples]
            found: dict[str, set[str]] = {}
            for sample in samples:
                found.setdefault(sample.name, set()).update(sample.labels)
            return found if "ratewire_history_behind_seconds" in found else None

        published = await eventually(read, within_s=60, what="the report")
    expressions = [*read_rules().values(), *panel_expressions()]
    used = {metric for expression in expressions for metric in used_metrics(expression)}
    for metric in used:
        if metric.name not in NOT_OURS:
            assert metric.name in published, metric
            assert metric.labels - TARGET_LABELS <= published[metric.name], metric
    ours = {name for name in published if name.startswith("ratewire_") and not name.endswith("_created")}
    assert ours - {metric.name for metric in used} == set()


def test_the_page_explains_every_alert_and_no_other() -> None:
    """In the first column; the other columns name existing alerts too."""
    rows = read_rows("## Alerts")
    assert sorted(name for row in rows for name in quoted(row[0])) == sorted(read_rules())
    assert all(row[1] and row[2] for row in rows)
    assert set(re.findall(r"`(Ratewire\w+)`", README)) == set(read_rules())


def test_the_page_names_the_alerts_of_every_fault_of_the_chaos_drill() -> None:
    """As the drill expects them; for the others it says why there is none."""
    explained: dict[str, set[str]] = {}
    for row in read_rows("## Alerts"):
        for fault in quoted(row[3]):
            explained.setdefault(fault, set()).update(quoted(row[0]))
    assert explained == {fault: set(names) for fault, names in ALERTS.items()}
    without = {
        fault for row in read_rows("### Faults without an alert") for fault in quoted(row[0]) if row[1]
    }
    assert without | set(ALERTS) == {fault.name for fault in FAULTS}
    assert not without & set(ALERTS)


def test_the_page_names_every_fault_of_sources() -> None:
    """Each kind of `ratewire drill` once."""
    named = [fault for row in read_rows("### Faults of sources") for fault in quoted(row[0])]
    steps = [step for source in SOURCES for step in (*all_steps_of(source), *process_steps_of(source))]
    assert sorted(named) == sorted({*(step.fault for step in steps), "redis-failover"})


def test_the_dashboard_can_be_imported_anywhere() -> None:
    """It asks for the data source, has no identity of its own, and no panels that overlap."""
    dashboard = read_dashboard()
    variables = {each["name"]: each for each in dashboard["templating"]["list"]}
    assert variables["datasource"]["type"] == "datasource"
    assert dashboard["uid"] is None
    assert dashboard["id"] is None
    panels = dashboard["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    places = [
        (x, y)
        for panel in panels
        for x in range(panel["gridPos"]["x"], panel["gridPos"]["x"] + panel["gridPos"]["w"])
        for y in range(panel["gridPos"]["y"], panel["gridPos"]["y"] + panel["gridPos"]["h"])
    ]
    assert len(set(places)) == len(places)
    assert max(x for x, _ in places) < 24
    sources = {
        json.dumps(each["datasource"])
        for panel in panels
        for each in (panel, *panel.get("targets", ()))
        if "datasource" in each
    }
    assert sources == {'{"type": "prometheus", "uid": "${datasource}"}'}


def test_the_drill_compares_counters_over_a_shorter_time_only() -> None:
    """Thresholds and everything else of the rules stay."""
    shortened = shorten_windows(RULES)
    assert f"increase(ratewire_source_reloads_total[{WINDOW}])) > 0" in shortened
    assert re.sub(r"\[\w+\]", "", shortened) == re.sub(r"\[\w+\]", "", RULES)
