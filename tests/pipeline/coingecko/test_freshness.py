"""The time before which a call cannot return anything newer."""

from datetime import datetime, timedelta

import pytest

from pipeline.sources.coingecko.freshness import earliest_update
from tests.pipeline.fakes import START
from tests.pipeline.recordings import read_exchanges

MINUTE = timedelta(seconds=60)


def wait(headers: dict[str, str], newest: datetime | None = None, interval: timedelta = MINUTE) -> float:
    until = earliest_update(headers, received_at=START, newest=newest, update_interval=interval)
    return (until - START).total_seconds()


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"cache-control": "max-age=30, public, must-revalidate, s-maxage=60"}, 60),
        ({"cache-control": "max-age=30, public, must-revalidate, s-maxage=60", "age": "12"}, 48),
        ({"cache-control": "public, max-age=120", "age": "281"}, 15),
        ({"cache-control": "public, s-maxage=60", "age": "60"}, 15),
        ({"cache-control": "PUBLIC, MAX-AGE=120"}, 120),
        ({"cache-control": "no-store"}, 0),
        ({"cache-control": "private, max-age=30"}, 0),
        ({"cache-control": "max-age=30", "age": "old"}, 30),
        ({"cache-control": "max-age=0"}, 0),
    ],
    ids=str,
)
def test_the_edge_keeps_its_copy_until_it_expires(headers: dict[str, str], expected: float) -> None:
    """`s-maxage` before `max-age`, less its age.

    An expired copy is requested four times an interval.
    """
    assert wait(headers, newest=START) == expected


def test_without_cache_control_the_sources_own_interval_counts() -> None:
    """From the newest update of any coin, for at most one interval."""
    assert wait({}, newest=START - timedelta(seconds=20)) == 40
    assert wait({"cache-control": "public"}, newest=START - timedelta(seconds=90)) == -30
    assert wait({}, newest=START + timedelta(hours=1)) == 60


def test_without_any_hint_nothing_is_skipped() -> None:
    """Nor with an interval of zero."""
    assert wait({}) == 0
    assert wait({}, newest=START, interval=timedelta()) == 0


def test_recorded_responses_never_wait_longer_than_their_caches_allow() -> None:
    """Headers of 2023 to 2025."""
    for exchange in read_exchanges("coingecko_http_2023_2025h1.jsonl.gz"):
        assert 0 <= wait(exchange["headers"], newest=START) <= 1800
