"""Error messages and exit codes of all commands for wrong settings and absent backends."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from cache.redis_client import open_redis
from runtime.free_port import free_port
from tests.e2e.processes import running

pytestmark = pytest.mark.servers

NO_REDIS = {"RATEWIRE_REDIS_URL": "redis://127.0.0.1:1/0", "RATEWIRE_STARTUP_TIMEOUT_S": "2"}
# For a start on a busy machine.
WITHIN_S = 60
NO_QUEUE = {"RATEWIRE_AMQP_URL": "amqp://guest:guest@127.0.0.1:1/"}
NO_DATABASE = {
    "RATEWIRE_DATABASE_URL": "postgresql+asyncpg://u:secret@127.0.0.1:1/r",
    "RATEWIRE_STARTUP_TIMEOUT_S": "2",
}


@pytest.fixture(scope="session")
def database(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The URL of a migrated database that no test changes."""
    url = f"sqlite+aiosqlite:///{tmp_path_factory.mktemp('database')}/r.sqlite"
    env = {**os.environ, "RATEWIRE_DATABASE_URL": url}
    subprocess.run([sys.executable, "-m", "ratewire", "migrate"], env=env, check=True, timeout=60)
    return url


@pytest.mark.parametrize(
    ("command", "env", "message"),
    [
        (
            ["gateway"],
            {"RATEWIRE_GATEWAY_PORT": "eighty"},
            "RATEWIRE_GATEWAY_PORT='eighty': Input should be a valid integer",
        ),
        pytest.param(
            ["producer"],
            {"RATEWIRE_PRODUCER_INTERVAL_S": "-1"},
            "RATEWIRE_PRODUCER_INTERVAL_S='-1': Input should be greater",
            marks=pytest.mark.long,
        ),
        (
            ["consumer", "binance"],
            {"RATEWIRE_LOG_LEVEL": "loud"},
            "RATEWIRE_LOG_LEVEL='loud': Input should be 'debug'",
        ),
        pytest.param(
            ["consumer", "binance"],
            {"RATEWIRE_BINANCE_WS_API_URL": "http://x"},
            "RATEWIRE_BINANCE_WS_API_URL='http://x'",
            marks=pytest.mark.long,
        ),
        (["producer"], {"RATEWIRE_REDIS_URL": "localhost"}, "RATEWIRE_REDIS_URL"),
        (
            ["migrate"],
            {"RATEWIRE_DATABASE_URL": "mysql://x"},
            "RATEWIRE_DATABASE_URL='mysql://x': expected postgresql",
        ),
        (["stream", "coingecko"], {}, "expected a source with a push feed"),
        (["consumer", "kraken"], {}, "this one has a push feed: ratewire stream kraken"),
        (["stream", "okx"], {"RATEWIRE_OKX_STREAM_URLS": "okx.com"}, "RATEWIRE_OKX_STREAM_URLS='okx.com'"),
        (["up", "--live", "--replay", "x"], {}, "expected either LIVE or REPLAY"),
        (["up", "--replay", "no-such-file"], {}, "no-such-file"),
        (
            ["instruments", "add", "binance", "btcusdt", "BTCUSDT"],
            {},
            "'btcusdt' is not a symbol: expected BASE/QUOTE",
        ),
    ],
)
async def test_a_wrong_setting_names_the_variable_and_what_is_expected(
    command: list[str], env: dict[str, str], message: str, database: str, tmp_path: Path, redis_url: str
) -> None:
    """One line, no traceback, a non-zero exit code."""
    base = {
        "RATEWIRE_REDIS_URL": redis_url,
        "RATEWIRE_DATABASE_URL": database,
        "RATEWIRE_STARTUP_TIMEOUT_S": "1",
        "RATEWIRE_GATEWAY_PORT": str(free_port()),
        "RATEWIRE_STANDALONE_FOLDER": str(tmp_path),
    }
    async with running(*command, env={**base, **env}) as process:
        assert await process.ends(within_s=WITHIN_S) != 0
    assert message in process.text
    assert "Traceback" not in process.text


@pytest.mark.parametrize(
    ("command", "env", "message"),
    [
        (["gateway"], NO_REDIS, "Redis"),
        pytest.param(["producer"], NO_REDIS, "Redis", marks=pytest.mark.long),
        (["consumer", "binance"], {**NO_QUEUE, "RATEWIRE_STARTUP_TIMEOUT_S": "2"}, "RabbitMQ"),
        (["producer"], NO_DATABASE, "database"),
        (["migrate"], NO_DATABASE, "migrations"),
    ],
)
async def test_an_unreachable_backend_is_retried_then_given_up(
    command: list[str], env: dict[str, str], message: str, redis_url: str, amqp_url: str
) -> None:
    """Each attempt is logged.

    After the start-up timeout the exit code is 1 and the last line names the backend. Redis is empty: with the instruments that
    another process read before, a producer would start.
    """
    redis = open_redis(redis_url)
    await redis.flushall()
    await redis.aclose()
    base = {
        "RATEWIRE_REDIS_URL": redis_url,
        "RATEWIRE_AMQP_URL": amqp_url,
        "RATEWIRE_GATEWAY_PORT": str(free_port()),
    }
    async with running(*command, env={**base, **env}) as process:
        assert await process.ends(within_s=WITHIN_S) == 1
    assert process.text.count("retrying") >= 2
    last = process.text.strip().splitlines()[-1]
    assert last.startswith("ratewire: ")
    assert message in last
    assert "Traceback" not in process.text
    assert "secret" not in process.text


async def test_a_starting_process_can_be_stopped_at_once() -> None:
    """SIGTERM ends a process that is still waiting for Redis."""
    for name in ("gateway", "producer"):
        env = {**NO_REDIS, "RATEWIRE_STARTUP_TIMEOUT_S": "60", "RATEWIRE_GATEWAY_PORT": str(free_port())}
        async with running(name, env=env, anew=True) as process:
            await process.prints("retrying")
            process.process.terminate()
            assert await process.ends() == 0


@pytest.mark.parametrize("command", [["up"], ["gateway"]])
async def test_a_port_in_use_is_reported_with_the_setting_that_changes_it(
    command: list[str], tmp_path: Path, redis_url: str
) -> None:
    """The port is checked before anything else starts."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        env = {
            "RATEWIRE_GATEWAY_PORT": str(port),
            "RATEWIRE_REDIS_URL": redis_url,
            "RATEWIRE_STANDALONE_FOLDER": str(tmp_path),
        }
        async with running(*command, env=env) as process:
            assert await process.ends(within_s=WITHIN_S) == 2
    assert f"127.0.0.1:{port} is in use" in process.text
    assert "RATEWIRE_GATEWAY_PORT" in process.text
