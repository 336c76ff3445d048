"""A rolling restart: no viewer of any library loses anything, or gives up."""

from pathlib import Path

import pytest

from tests.backends import ServerProcess
from tests.rolling.restart import restart

pytestmark = [pytest.mark.alone, pytest.mark.timeout(300)]


async def test_no_viewer_notices_a_rolling_restart(redis_server: ServerProcess, tmp_path: Path) -> None:
    """Three viewers of each library and fifty sockets of the load generator."""
    redis_server.start()
    report = await restart(redis_server.url, tmp_path, each_library=3, generated=50, drain_s=3)
    assert report.losses() == [], report.table()
    assert report.refused == 0, report.table()
