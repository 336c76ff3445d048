"""A Prometheus with the project's alert rules, which watches the drill as if in production.

It needs Debian's `prometheus`, and `prometheus-blackbox-exporter`, which asks nginx as clients do.
"""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import TypedDict

import httpx

from drill.distributed.server_process import (
    NotStarted,
    ServerProcess,
    answers,
    find_binary,
    running,
    temporary_folder,
)
from drill.distributed.system import DRILLED, DistributedSystem, in_thread
from runtime.free_port import free_port

RULES = Path(__file__).resolve().parents[2] / "docs/monitoring/alerts.yml"
# The interval of scrapes and evaluations, and the time allowed for an answer.
SCRAPE_EVERY = "2s"
# Counters are compared over this time instead of minutes, so that a fault does not show in the next step.
WINDOW = "16s"
POLL_S = 0.5
ANSWER_TIMEOUT_S = 5.0


class ActiveAlert(TypedDict):
    """An alert of Prometheus whose expression is true."""

    labels: Mapping[str, str]


class Alerts:
    """The alerts whose expressions are true.

    For how long they have been does not matter: Prometheus calls them pending, then firing.
    """

    def __init__(self, client: httpx.AsyncClient) -> None:
        self._client = client
        self.active: frozenset[str] = frozenset()
        self._seen: set[str] = set()

    def begin_step(self) -> None:
        """Forget those before a fault."""
        self._seen.clear()

    def missing(self, expected: Sequence[str]) -> list[str]:
        """Return those that were not active since `begin_step`."""
        return [name for name in expected if name not in self._seen]

    def still_active(self, names: Sequence[str]) -> list[str]:
        """Return those that are active now."""
        return [name for name in names if name in self.active]

    async def watch(self) -> None:
        """Poll Prometheus until cancelled."""
        while True:
            # A busy Prometheus may answer late.
            with suppress(httpx.TransportError):
                await self.read()
            await asyncio.sleep(POLL_S)

    async def read(self) -> None:
        """Ask Prometheus once."""
        answer = await self._client.get("/api/v1/alerts")
        self.active = select_active(answer.json()["data"]["alerts"])
        self._seen |= self.active


def select_active(alerts: Sequence[ActiveAlert]) -> frozenset[str]:
    """Return the names of the alerts, without those of sources that the drill does not run."""
    drilled = {source.name for source in DRILLED}
    labels = [each["labels"] for each in alerts]
    return frozenset(each["alertname"] for each in labels if each.get("source") in {None, *drilled})


@asynccontextmanager
async def watched_alerts(system: DistributedSystem) -> AsyncIterator[Alerts | None]:
    """Run Prometheus until the block ends. None if it is not installed."""
    try:
        for name in ("prometheus", "prometheus-blackbox-exporter"):
            find_binary(name)
    except NotStarted:
        yield None
        return
    async with AsyncExitStack() as stack:
        prober = await stack.enter_async_context(in_thread(_start_prober()))
        server = await stack.enter_async_context(in_thread(_start_prometheus(system, prober.url)))
        client = httpx.AsyncClient(base_url=server.url, timeout=ANSWER_TIMEOUT_S, trust_env=False)
        alerts = Alerts(await stack.enter_async_context(client))
        watching = asyncio.create_task(alerts.watch())
        try:
            yield alerts
        finally:
            watching.cancel()
            await asyncio.wait([watching])


def shorten_windows(rules: str) -> str:
    """Return alert rules whose ranges are all of `WINDOW`."""
    return re.sub(r"\[\d+[smh]\]", f"[{WINDOW}]", rules)


@contextmanager
def _start_prober() -> Iterator[ServerProcess]:
    port = free_port()
    with temporary_folder() as folder:
        config = folder / "blackbox.yml"
        config.write_text(json.dumps({"modules": {"http_2xx": {"prober": "http"}}}))
        command = [find_binary("prometheus-blackbox-exporter"), f"--config.file={config}"]
        command += [f"--web.listen-address=127.0.0.1:{port}"]
        ready = answers(port, b"GET /-/healthy HTTP/1.0\r\n\r\n", b"200 OK")
        with running(ServerProcess(f"127.0.0.1:{port}", command, folder=folder, is_ready=ready)) as server:
            yield server


@contextmanager
def _start_prometheus(system: DistributedSystem, prober: str) -> Iterator[ServerProcess]:
    port = free_port()
    with temporary_folder() as folder:
        (folder / "alerts.yml").write_text(shorten_windows(RULES.read_text(encoding="utf-8")))
        config = folder / "prometheus.yml"
        # JSON is YAML.
        config.write_text(json.dumps(_configure(system, prober)))
        command = [find_binary("prometheus"), f"--config.file={config}", "--log.level=warn"]
        command += [f"--storage.tsdb.path={folder}/data", f"--web.listen-address=127.0.0.1:{port}"]
        ready = answers(port, b"GET /-/ready HTTP/1.0\r\n\r\n", b"200 OK")
        with running(
            ServerProcess(f"http://127.0.0.1:{port}", command, folder=folder, is_ready=ready)
        ) as server:
            yield server


def _configure(system: DistributedSystem, prober: str) -> dict[str, object]:
    """Return the configuration; docs/monitoring/prometheus.yml is its counterpart for compose."""
    gateways = [f"127.0.0.1:{port}" for port in system.ports.values()]
    clients = {
        "job_name": "ratewire-clients",
        "metrics_path": "/probe",
        "params": {"module": ["http_2xx"]},
        "static_configs": [{"targets": [f"{system.url}/health/live"]}],
        "relabel_configs": [
            {"source_labels": ["__address__"], "target_label": "__param_target"},
            {"source_labels": ["__param_target"], "target_label": "instance"},
            {"target_label": "__address__", "replacement": prober},
        ],
    }
    return {
        "global": dict.fromkeys(("scrape_interval", "scrape_timeout", "evaluation_interval"), SCRAPE_EVERY),
        "rule_files": ["alerts.yml"],
        "scrape_configs": [
            {"job_name": "ratewire-gateway", "static_configs": [{"targets": gateways}]},
            clients,
        ],
    }
