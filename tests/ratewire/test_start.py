"""`ratewire --help`, `query` and `watch` start without the packages that only services need."""

import os
import pty
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import ClassVar

import pytest

from runtime.free_port import free_port
from tests.e2e.processes import ROOT

pytestmark = pytest.mark.servers

# Each takes longer to import than all of `ratewire query`, or belongs to a service.
HEAVY = {
    *(
        "aio_pika",
        "alembic",
        "fastapi",
        "gql",
        "graphql",
        "pydantic_settings",
        "redis",
        "sqlalchemy",
        "starlette",
    ),
    *("strawberry", "structlog", "uvicorn", "uvloop"),
    *("cache", "drill", "gateway", "instruments", "pipeline", "simulator", "standalone"),
}
# `runtime.proxy` needs the standard library only; what else is in `runtime` imports one of the above.
WITHIN_S = 60
pytestmark = pytest.mark.servers
_IMPORT = re.compile(r"^import time:.*\| +([\w.]+)$", re.MULTILINE)


class JsonAnswer(BaseHTTPRequestHandler):
    """A gateway with one answer."""

    body: ClassVar = b'{"data": {}}'

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        self.send_response(200)
        self.send_header("content-type", "application/graphql-response+json")
        self.send_header("content-length", str(len(self.body)))
        self.end_headers()
        self.wfile.write(self.body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name in the standard library
        """Keep the test's output clean."""


@contextmanager
def answering() -> Iterator[str]:
    with HTTPServer(("127.0.0.1", 0), JsonAnswer) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def imported_by(*arguments: str, stdout: int = subprocess.PIPE, until: str = "no such line") -> set[str]:
    """Return the imports of a command up to its end, or to a line on stderr with `until`."""
    process = subprocess.Popen(
        [sys.executable, "-X", "importtime", *arguments],
        cwd=ROOT,
        stdout=stdout,
        stderr=subprocess.PIPE,
        env={**os.environ, "TERM": "xterm"},
        text=True,
    )
    assert process.stderr is not None
    lines = []
    for line in process.stderr:
        lines.append(line)
        if until in line:
            process.terminate()
            break
    process.communicate(timeout=WITHIN_S)
    return set(_IMPORT.findall("".join(lines)))


def packages(modules: set[str]) -> set[str]:
    return {name.partition(".")[0] for name in modules}


def test_the_help_imports_nothing_heavy() -> None:
    """Not even the client's own parts."""
    modules = imported_by("-m", "ratewire", "--help")
    assert "ratewire.cli" in modules
    assert not packages(modules) & (HEAVY | {"asyncio", "httpx", "websockets"})


def test_a_query_imports_nothing_heavy(tmp_path: Path) -> None:
    """From the start to the printed result."""
    file = tmp_path / "one.graphql"
    file.write_text("{ sources { source { code } } }")
    with answering() as url:
        modules = imported_by("-m", "ratewire", "query", str(file), "--url", url)
    assert "urllib.request" in modules
    assert not packages(modules) & (HEAVY | {"asyncio", "httpx", "websockets"})


@pytest.mark.parametrize("command", ["instruments", "simulator", "gateway"])
def test_the_help_of_a_command_imports_nothing_heavy(command: str) -> None:
    """A command imports its packages when it runs."""
    assert not packages(imported_by("-m", "ratewire", command, "--help")) & HEAVY


def test_watch_imports_nothing_heavy() -> None:
    """From the start to the first line, here the report that nobody listens at the address."""
    url = f"http://127.0.0.1:{free_port()}"
    modules = imported_by("-m", "ratewire", "watch", "--url", url, until="connection lost")
    assert "ratewire.client.resuming" in modules
    assert not packages(modules) & (HEAVY | {"httpx", "rich"})


def test_watch_imports_nothing_heavy_on_a_terminal() -> None:
    """It draws the empty table, then imports what it needs to connect."""
    own, theirs = pty.openpty()
    url = f"http://127.0.0.1:{free_port()}"
    last = "ratewire.client.resuming"
    try:
        modules = imported_by("-m", "ratewire", "watch", "--url", url, stdout=theirs, until=last)
    finally:
        os.close(theirs)
        os.close(own)
    assert "rich.live" in modules
    assert not packages(modules) & (HEAVY | {"httpx"})
