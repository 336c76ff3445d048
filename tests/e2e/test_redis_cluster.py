"""Processes of the distributed system on a Redis Cluster.

A shard that fails over delays its own sources only.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import pytest
import pytest_asyncio
import structlog

from rates.clock import utc_now
from rates.redis_keys import RedisKeys
from rates.source import Source
from runtime.free_port import free_port
from simulator.feed_endpoint import PATHS
from tests.e2e.graphql_client import rates
from tests.e2e.processes import Command, eventually, running, running_all
from tests.redis_deployments import RedisCluster

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(900), pytest.mark.long]

KEYS = RedisKeys(simulated=True)
# Their slots are in different shards.
FAILING, OTHER = Source.BINANCE, Source.KRAKEN
PATIENCE_S = 240
log = structlog.get_logger("ratewire.tests")


@dataclass
class System:
    """The running processes by name, and the address of the gateway."""

    url: str
    commands: dict[str, Command]

    async def newer_than(self, moment: datetime) -> set[str]:
        """Sources with a rate that was observed after `moment`."""
        items = await rates(self.url) or []
        return {
            item["source"]["code"] for item in items if datetime.fromisoformat(item["observedAt"]) > moment
        }


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def system(
    redis_cluster: RedisCluster, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[System]:
    """A gateway, two push feeds and the simulator on a Redis Cluster.

    Its setting is a plain URL of one node.
    """
    http_port, ws_port, port = free_port(), free_port(), free_port()
    folder: Path = tmp_path_factory.mktemp("database")
    env = {
        "RATEWIRE_REDIS_URL": redis_cluster.url_of_one_node,
        "RATEWIRE_DATABASE_URL": f"sqlite+aiosqlite:///{folder}/instruments.db",
        "RATEWIRE_SIMULATED": "true",
        "RATEWIRE_STARTUP_TIMEOUT_S": str(PATIENCE_S),
        "RATEWIRE_SIMULATOR_HTTP_PORT": str(http_port),
        "RATEWIRE_SIMULATOR_WS_PORT": str(ws_port),
        "RATEWIRE_BINANCE_STREAM_URLS": f"ws://127.0.0.1:{ws_port}",
        "RATEWIRE_KRAKEN_STREAM_URLS": f"ws://127.0.0.1:{ws_port}{PATHS['kraken']}",
        "RATEWIRE_GATEWAY_PORT": str(port),
    }
    async with running("migrate", env=env) as command:
        assert await command.ends(within_s=PATIENCE_S) == 0, command.text
    commands = {
        "simulator": (("simulator",), env),
        "gateway": (("gateway",), env),
        **{source.value: (("stream", source.value), env) for source in (FAILING, OTHER)},
    }
    async with running_all(commands) as started:
        await started["gateway"].prints("gateway listening", within_s=PATIENCE_S)
        yield System(f"http://127.0.0.1:{port}", started)


@pytest.mark.parametrize("fail", [RedisCluster.fail_over, RedisCluster.freeze_primary])
async def test_a_failed_primary_delays_its_own_sources_only(
    system: System, redis_cluster: RedisCluster, fail: Callable[[RedisCluster, str], None]
) -> None:
    """Killed or frozen.

    No process ends, the other source goes on, and both are current again by themselves.
    """

    async def both_go_on() -> bool:
        return {FAILING.name, OTHER.name} <= await system.newer_than(began)

    async def other_goes_on() -> bool:
        return OTHER.name in await system.newer_than(began)

    began = utc_now()
    await eventually(both_go_on, within_s=PATIENCE_S, what="both sources")
    head = KEYS.head(FAILING)
    assert redis_cluster.primary_of(head) != redis_cluster.primary_of(KEYS.head(OTHER))
    try:
        await asyncio.to_thread(fail, redis_cluster, head)
        began = utc_now()
        await eventually(other_goes_on, within_s=PATIENCE_S, what="the source of the other shard")
        other_s = (utc_now() - began).total_seconds()
        await eventually(both_go_on, within_s=PATIENCE_S, what="the source of the failed shard")
        # Shown by `pytest -rP`.
        log.info("failover", other_s=other_s, failing_s=(utc_now() - began).total_seconds())
        assert [name for name, each in system.commands.items() if each.process.returncode is not None] == []
    finally:
        await asyncio.to_thread(redis_cluster.mend)
