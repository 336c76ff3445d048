"""A pipeline process that runs out of file descriptors."""

from contextlib import aclosing
from pathlib import Path

import pytest

from cache.redis_client import open_redis
from tests.backends import start_redis
from tests.descriptors import return_descriptors, take_descriptors
from tests.e2e.test_redis_trouble import polled_sources

pytestmark = pytest.mark.servers


async def test_a_feed_without_descriptors_says_so_once_and_comes_back(tmp_path: Path) -> None:
    """It cannot reach Redis again, once its connections are lost, until it has descriptors."""
    with start_redis() as server:
        async with aclosing(open_redis(server.url)) as redis, polled_sources(server, tmp_path) as sources:
            await sources.until("UP")
            take_descriptors(sources.feed.process.pid)
            await sources.feed.prints("out of file descriptors")
            await redis.execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
            await sources.until("DEGRADED", "has not reported")
            return_descriptors(sources.feed.process.pid)
            await sources.until("UP")
            assert sources.feed.process.returncode is None
            assert sources.feed.text.count("out of file descriptors") == 1
            assert "Traceback" not in sources.feed.text
