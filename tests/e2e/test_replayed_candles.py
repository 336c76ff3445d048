"""Candles of replayed recordings are those of their trades, or say that they are not."""

from pathlib import Path

import pytest

from tests.e2e.check_recording import check_recordings, length_of
from tests.e2e.recorded import RECORDINGS, recording

pytestmark = [pytest.mark.servers, pytest.mark.timeout(1_500)]

SHORT = (
    "coinbase_ws_5products_20210417.txt.gz",
    "okx_ws_10instruments_20220227.txt.gz",
    "bybit_v5_mixed_20260809.jsonl.zst",
)
ALL = sorted(RECORDINGS.iterdir()) if RECORDINGS.exists() else []
LONGER = [path for path in ALL if path.name not in SHORT and path.name.partition(".")[2] != "md"]


async def test_seconds_of_three_sources_are_those_of_their_trades(tmp_path: Path) -> None:
    """Of recordings of half a minute, replayed together."""
    counts = await check_recordings([recording(name) for name in SHORT], tmp_path)
    assert counts.problems == []
    assert counts.whole["S1"] > 20


@pytest.mark.long
@pytest.mark.parametrize("path", LONGER, ids=[path.name for path in LONGER])
async def test_minutes_of_any_recording_are_those_of_its_trades(path: Path, tmp_path: Path) -> None:
    """Of every other recording with trades in the channels of a push feed."""
    length_s = length_of(path)
    if not length_s:
        pytest.skip("no trades in it")
    counts = await check_recordings([path], tmp_path)
    assert counts.problems == []
    assert sum(counts.whole.values()) > 0
    # A recording of six minutes has at least four whole ones.
    assert counts.whole["M1"] >= int(length_s // 60) - 1
