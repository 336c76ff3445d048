"""Processes that start while Postgres is away, over real backends."""

from functools import partial

import asyncpg
import httpx
import pytest

from cache.redis_client import open_redis
from rates.redis_keys import RedisKeys
from runtime.free_port import free_port
from tests.backends import start_postgres
from tests.e2e.processes import Command, eventually, running
from tests.json_types import Json

pytestmark = [pytest.mark.servers, pytest.mark.long, pytest.mark.timeout(240)]

WITHIN_S = 60
# Before the first rate: on a busy machine the feed may not have reported yet either.
AWAITED = ("RATE_NOT_SEEN", "SOURCE_DOWN")
QUERY = '{ rate(symbol: "BTC/USDT", source: BINANCE) { freshness } instruments { totalCount } }'


async def facts(client: httpx.AsyncClient, url: str) -> Json:
    return (await client.get(f"{url}/health/ready")).json()["catalog"]


async def tells(client: httpx.AsyncClient, url: str, **expected: object) -> None:
    """Wait until the facts are so: a line of the log comes before them or after."""

    async def is_so() -> bool:
        found = await facts(client, url)
        return {name: found[name] for name in expected} == expected

    await eventually(is_so, within_s=WITHIN_S, what=f"{expected} in the facts of the instruments")


async def delete(url: str, source: str) -> None:
    """Delete a source's instruments by hand."""
    connection = await asyncpg.connect(url.replace("+asyncpg", ""), timeout=10)
    await connection.execute("DELETE FROM instruments WHERE source = $1", source)
    await connection.close()


async def test_all_processes_start_without_postgres_and_take_the_table_once_it_is_back(
    redis_url: str, amqp_url: str
) -> None:
    """It uses the instruments that a gateway read before, and names a corrupt copy of them.

    Then the table loses a source, which an operator accepts.
    """
    redis = open_redis(redis_url)
    await redis.flushall()
    http_port, ws_port = free_port(), free_port()
    with start_postgres() as postgres:
        env = {
            "RATEWIRE_REDIS_URL": redis_url,
            "RATEWIRE_AMQP_URL": amqp_url,
            "RATEWIRE_DATABASE_URL": postgres.url,
            "RATEWIRE_SIMULATED": "true",
            "RATEWIRE_SIMULATOR_HTTP_PORT": str(http_port),
            "RATEWIRE_SIMULATOR_WS_PORT": str(ws_port),
            "RATEWIRE_BINANCE_STREAM_URLS": f"ws://127.0.0.1:{ws_port}",
        }
        ports = [free_port(), free_port()]
        url = f"http://127.0.0.1:{ports[1]}"
        async with running("migrate", env=env) as migrating:
            assert await migrating.ends(within_s=WITHIN_S) == 0, migrating.text
        async with running("gateway", env={**env, "RATEWIRE_GATEWAY_PORT": str(ports[0])}) as first:
            await first.prints("gateway listening", within_s=WITHIN_S)
        postgres.stop()

        key = RedisKeys(simulated=True).instruments()
        stored = await redis.get(key)
        assert isinstance(stored, bytes)
        await redis.set(key, stored[:-100])
        async with (
            running("simulator", env=env),
            running("stream", "binance", env=env) as stream,
            running("producer", env=env) as producer,
            running("gateway", env={**env, "RATEWIRE_GATEWAY_PORT": str(ports[1])}) as second,
            # Connections are not kept: between two requests they are idle for so long that the gateway may close them.
            httpx.AsyncClient(
                timeout=WITHIN_S, trust_env=False, limits=httpx.Limits(max_keepalive_connections=0)
            ) as client,
        ):
            await second.prints("last known instruments ignored", within_s=WITHIN_S)
            assert "gateway listening" not in second.text
            await redis.set(key, stored)
            for each in (stream, producer, second):
                await each.prints("using the last known instruments", within_s=WITHIN_S)
            await second.prints("gateway listening", within_s=WITHIN_S)
            await producer.prints("producing", within_s=WITHIN_S)

            answer = (await client.post(f"{url}/graphql", json={"query": QUERY})).json()
            assert "errors" not in answer or answer["errors"][0]["extensions"]["code"] in AWAITED

            async def is_fresh() -> bool:
                answer = (await client.post(f"{url}/graphql", json={"query": QUERY})).json()
                return bool(answer["data"]["rate"]) and answer["data"]["rate"]["freshness"] == "FRESH"

            await eventually(is_fresh, within_s=WITHIN_S, what="rates of the stream")
            found = await facts(client, url)
            assert found["loaded"]
            assert found["instruments"] > 300
            assert found["lastKnownFrom"] is not None
            assert "database" in found["error"]
            metrics = (await client.get(f"{url}/metrics")).text
            assert "ratewire_gateway_instruments_last_known 1.0" in metrics

            postgres.start()

            async def has_switched(process: Command) -> bool:
                return "instruments read from the database again" in process.text

            for each in (stream, producer, second):
                await eventually(partial(has_switched, each), within_s=WITHIN_S, what=each.name)
            await tells(client, url, lastKnownFrom=None, error=None)

            await delete(postgres.url, "coingecko")
            for each in (stream, producer, second):
                await each.prints("tracked instruments are missing", within_s=WITHIN_S)

            async def holds_back() -> bool:
                return list((await facts(client, url))["heldBack"]) == ["COINGECKO"]

            await eventually(holds_back, within_s=WITHIN_S, what="CoinGecko's instruments held back")
            async with running("instruments", "accept", env=env) as accepting:
                assert await accepting.ends(within_s=WITHIN_S) == 0, accepting.text
            assert "of coingecko" in accepting.text
            for each in (stream, producer, second):
                await each.prints("no tracked instruments are held back any more", within_s=WITHIN_S)
            await tells(client, url, heldBack={})
    await redis.aclose()
