"""Kinds of tests, as pytest markers: `servers`, `slow`, `alone`, `long`.

A test with none of them is a unit test.

`servers`: starts processes or listens on a port. Set by hand, by a fixture of `SERVER_FIXTURES` or a parameter of `SERVERS`.
`slow`: takes seconds of processor time without a server.
`alone`: measures time, memory or frames, and needs the machine without other tests beside it.
`long`: shows at greater length what a shorter test shows; `make test-long` runs it.

`make check` runs unit tests. A unit test that starts a process or listens on a port fails with a `NotAUnitTest`.
Files without a test that the command selects are not collected (`tests/selected_files.py`).
"""

import gc
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import cast

import pytest
from xdist.scheduler import LoadScopeScheduling
from xdist.workermanage import WorkerController

from tests.selected_files import (
    CollectedKinds,
    Forms,
    SelectedFiles,
    fingerprint,
    forms_from_json,
    forms_to_json,
    kinds_by_file,
)

ROOT = Path(__file__).resolve().parents[1]
SELECTED = pytest.StashKey[SelectedFiles]()
COLLECTED = pytest.StashKey[CollectedKinds]()
KNOWN = pytest.StashKey[dict[str, Forms]]()
# Of the controller, for its workers: all must collect the same.
WORKER_INPUT = "ratewire_kinds"

SERVER_FIXTURES = frozenset(
    {
        "redis_server",
        "redis_cluster",
        "redis_sentinel",
        "redis_pair",
        "rabbitmq_server",
        "postgres_server",
        "serving",
        "open_simulator",
    }
)
# A parameter of one of these names stands for the server.
SERVERS = frozenset({"redis", "cluster", "sentinel", "rabbitmq", "postgres"})
MARKERS = ("servers", "slow", "alone", "long")
# Where many tests wait long. Side by side they start first, so that no process is busy with one at the end.
LONGEST_FIRST = (
    "tests/dashboard/",
    "tests/examples/",
    "tests/e2e/",
    "tests/gateway/test_workers.py",
    "tests/gateway/websocket/test_resume_elsewhere.py",
    "tests/bench/",
    "tests/gateway/fastpath/",
    "tests/gateway/subscriptions/",
    "tests/deploy/",
    "tests/pipeline/coingecko/",
)
PROCESS_EVENTS = ("subprocess.Popen", "os.posix_spawn", "os.fork", "os.forkpty", "os.system")


class NotAUnitTest(RuntimeError):
    """A test without a marker did what only a test with `servers` may do."""


class _Guard:
    """Fails what starts a process or listens on a port while a unit test runs."""

    def __init__(self) -> None:
        self.is_on = False
        # An audit hook cannot be removed, hence one for the whole session.
        sys.addaudithook(self._check)

    def _check(self, event: str, arguments: tuple[object, ...]) -> None:
        if not self.is_on:
            return
        # Addresses of Unix sockets are text; those of TCP and UDP are tuples.
        if event in PROCESS_EVENTS or (event == "socket.bind" and isinstance(arguments[1], tuple)):
            raise NotAUnitTest(f"a unit test caused {event}: mark it with @pytest.mark.servers")


_guard = _Guard()


def is_unit(item: pytest.Item) -> bool:
    """Whether a test has none of the markers of this page; `slow` tests have no servers either."""
    return not any(item.get_closest_marker(name) for name in MARKERS if name != "slow")


def pytest_configure(config: pytest.Config) -> None:
    """Declare the markers."""
    for line in (__doc__ or "").splitlines():
        name, _, meaning = line.partition(": ")
        if name.strip("`") in MARKERS:
            config.addinivalue_line("markers", f"{name.strip('`')}: {meaning}")
    if hasattr(config, "workerinput"):
        known = forms_from_json(config.workerinput[WORKER_INPUT])
    elif (notes := getattr(config, "cache", None)) is None:
        known = {}
    else:
        config.stash[COLLECTED] = CollectedKinds(notes.mkdir("kinds"), fingerprint(ROOT))
        known = config.stash[COLLECTED].read()
    config.stash[KNOWN] = known
    named = [config.invocation_params.dir / each.partition("::")[0] for each in config.args]
    config.stash[SELECTED] = SelectedFiles(config.option.markexpr, known, named)


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: WorkerController) -> None:
    """Tell a worker what the controller knows of the files."""
    node.workerinput[WORKER_INPUT] = forms_to_json(node.config.stash[KNOWN])


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave files out that have no selected test."""
    return None if config.stash[SELECTED].may_have(collection_path) else True


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark tests by their fixtures; side by side, put those first that take longest."""
    for item in items:
        if not isinstance(item, pytest.Function):
            continue
        if SERVER_FIXTURES.intersection(item.fixturenames) or names_server(item):
            item.add_marker("servers")
    if hasattr(config, "workerinput"):
        items.sort(key=rank)
    # Part of a file says nothing of the rest.
    elif COLLECTED in config.stash and not config.option.lf and not any("::" in each for each in config.args):
        config.stash[COLLECTED].add(kinds_by_file(items))


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_collection() -> Iterator[None]:
    """Collect without looking for garbage, of which imports leave none."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()


def pytest_collection_finish() -> None:
    """Leave what was collected out of later searches for garbage.

    Each would visit thousands of tests.
    """
    gc.collect()
    gc.freeze()


def rank(item: pytest.Item) -> int:
    """Return the place of a test in `LONGEST_FIRST`."""
    places = (place for place, prefix in enumerate(LONGEST_FIRST) if item.nodeid.startswith(prefix))
    return next(places, len(LONGEST_FIRST))


def names_server(item: pytest.Function) -> bool:
    """Whether a parameter of a test is the name of a server that its fixture starts."""
    parameters = item.callspec.params.values() if hasattr(item, "callspec") else ()
    return any(value in SERVERS for value in parameters if isinstance(value, str))


def unit_of_work(nodeid: str) -> str:
    """Return the name of the group that pytest-xdist gives to one worker.

    A module with fixtures of its own, else a single test.
    """
    module = nodeid.partition("::")[0]
    return module if shares_fixtures(module) else nodeid


@cache
def shares_fixtures(module: str) -> bool:
    """Whether a module has fixtures or an event loop that live as long as itself."""
    return 'scope="module"' in (ROOT / module).read_text()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> object | None:
    """Distribute tests by `unit_of_work` where `--dist loadscope` is asked for.

    `--dist loadgroup` is made for that, but groups nothing with pytest 9.2 (pytest-xdist's issue 1386).
    """
    if config.getvalue("dist") != "loadscope":
        return None
    scheduling = LoadScopeScheduling(config, log)
    scheduling._split_scope = unit_of_work
    return cast("object", scheduling)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    """Guard unit tests, fixtures included."""
    _guard.is_on = is_unit(item)
    try:
        return (yield)
    finally:
        _guard.is_on = False
