"""Spells without file descriptors."""

import os
import resource
from collections.abc import Iterator

import pytest
from structlog.testing import capture_logs

from runtime.descriptors import CALM_S, DescriptorWatch, use_all_descriptors


@pytest.fixture
def exhausted() -> Iterator[None]:
    """Let this process open nothing."""
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, limits[1]))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, limits)


def test_a_spell_is_logged_and_counted_once(exhausted: None) -> None:
    """Its end is logged after some time with free descriptors; what comes sooner belongs to it."""
    now = 0.0
    watch = DescriptorWatch(lambda: now)
    low, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with capture_logs() as logs:
        for is_free in (False, False, True, False):
            now += CALM_S / 2
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard if is_free else low, hard))
            watch.check()
        assert watch.spells == 1
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        now += CALM_S
        watch.check()
        watch.check()
        resource.setrlimit(resource.RLIMIT_NOFILE, (low, hard))
        watch.check()
    assert watch.spells == 2
    assert [each["event"] for each in logs] == [
        "out of file descriptors",
        "file descriptors are free again",
        "out of file descriptors",
    ]
    assert logs[0]["limit"] == low


def test_a_process_may_use_as_many_as_the_system_allows(exhausted: None) -> None:
    """The limit that it was started with is lower as a rule."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    with capture_logs() as logs:
        use_all_descriptors()
        use_all_descriptors()
    assert resource.getrlimit(resource.RLIMIT_NOFILE) == (hard, hard)
    assert not logs


def test_it_leaves_nothing_open() -> None:
    """A check closes what it opened."""
    before = os.listdir("/proc/self/fd")  # noqa: PTH208 - names only
    DescriptorWatch().check()
    assert os.listdir("/proc/self/fd") == before  # noqa: PTH208 - names only
