"""Watches the gateways as an operator does: readiness, facts and states."""

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx

from drill.distributed.clients import Clients
from drill.distributed.prometheus import Alerts
from drill.distributed.system import DRILLED, GATEWAYS, DistributedSystem
from drill.graphql import open_client

POLL_S = 0.2
# A health check that takes longer fails.
ANSWER_TIMEOUT_S = 3.0
SPREAD_WITHIN_S = 60.0
# Subscribers leave and resume within a second; an event after so long is of the new connection.
RECONNECTED_S = 1.5


@dataclass(frozen=True)
class GatewayView:
    """The last answer of `/health/ready`. `status` is None without one."""

    at: float = 0.0
    status: int | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)  # JSON of /health/ready

    @property
    def is_well(self) -> bool:
        """Whether it is ready, reaches everything, and every drilled source is UP."""
        return (
            self.status == 200
            and self.facts["cache"]["connected"]
            and self.facts["catalog"]["error"] is None
            and all(self.facts["sources"][source.name]["state"] == "UP" for source in DRILLED)
        )

    def describe(self) -> str:
        """Say what is not well."""
        if self.status is None:
            return "no answer"
        troubles = [
            f"{source.name} {seen['state']}: {seen['reason']}"
            for source in DRILLED
            if (seen := self.facts["sources"][source.name])["state"] != "UP"
        ]
        error = self.facts["catalog"]["error"]
        return "; ".join([f"status {self.status}", *troubles, *([f"catalog: {error}"] if error else [])])


@dataclass
class Monitor:
    """The latest observations of the system."""

    system: DistributedSystem
    clients: Clients
    alerts: Alerts | None
    """Of a Prometheus, if there is one."""
    views: dict[str, GatewayView] = field(default_factory=lambda: dict.fromkeys(GATEWAYS, GatewayView()))
    before: dict[str, GatewayView] = field(default_factory=dict)
    """The views before the fault."""
    step_began_at: float = 0.0

    def begin_step(self) -> None:
        """Set what was seen aside, before a fault."""
        self.before = self.views
        if self.alerts is not None:
            self.alerts.begin_step()
        for process in self.system.processes.values():
            process.mark_log()
        self.step_began_at = time.monotonic()
        self.views = dict.fromkeys(GATEWAYS, GatewayView())

    async def spread_clients(self) -> None:
        """Let all subscribers resume, until every gateway has a share of them."""
        least = len(self.clients.subscribers) // (2 * len(GATEWAYS))
        async with asyncio.timeout(SPREAD_WITHIN_S):
            while not self._has_subscribers(least):
                moment = time.monotonic()
                for each in self.clients.subscribers:
                    each.reconnect()
                while not self.clients.all_heard_since(moment + RECONNECTED_S):  # noqa: ASYNC110 - other processes
                    await asyncio.sleep(POLL_S)

    def _has_subscribers(self, least: int) -> bool:
        return all(view.facts and view.facts["subscribers"] >= least for view in self.views.values())

    async def watch(self, name: str) -> None:
        """Poll one gateway until cancelled."""
        async with open_client(self.system.gateway_url(name)) as client:
            while True:
                # An answer to a question from before the step says nothing about it.
                asked_at = time.monotonic()
                view = await _ask(client)
                if asked_at > self.step_began_at:
                    self.views[name] = view
                await asyncio.sleep(POLL_S)

    def is_well(self) -> bool:
        """Whether everything runs and every gateway is well."""
        return not self.system.ended() and all(view.is_well for view in self.views.values())

    def describe(self) -> str:
        """Say what is not well."""
        found = [f"{name} does not run" for name in self.system.ended()]
        found += [f"{name}: {view.describe()}" for name, view in self.views.items() if not view.is_well]
        return "; ".join(found)


@asynccontextmanager
async def watched(
    system: DistributedSystem, clients: Clients, alerts: Alerts | None = None
) -> AsyncIterator[Monitor]:
    """Watch the system until the block ends."""
    monitor = Monitor(system, clients, alerts)
    tasks = [asyncio.create_task(monitor.watch(name)) for name in GATEWAYS]
    try:
        yield monitor
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _ask(client: httpx.AsyncClient) -> GatewayView:
    try:
        async with asyncio.timeout(ANSWER_TIMEOUT_S):
            answer = await client.get("/health/ready")
        return GatewayView(time.monotonic(), answer.status_code, answer.json())
    except (httpx.TransportError, TimeoutError, ValueError):
        return GatewayView(time.monotonic())
