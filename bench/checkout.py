"""Another commit of this project.

A temporary git worktree with a virtual environment of its own.
"""

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from bench.processes import ROOT, BenchmarkError, find, running

LOCK_FILE = "requirements.lock"
GIT_TIMEOUT_S = 120
# A package index may be slow, and nothing may be cached.
INSTALL_TIMEOUT_S = 900


@dataclass(frozen=True)
class Checkout:
    """A source tree and the interpreter that has its dependencies."""

    title: str
    folder: Path
    python: str

    @property
    def gateway_command(self) -> list[str]:
        """The command line that starts its gateway, in `folder`."""
        return [self.python, "-m", "ratewire", "gateway"]


def install_lock_file(folder: Path, log: Path) -> str:
    """Create a virtual environment from the lock file in `folder`; return its interpreter.

    Raises:
        BenchmarkError: a step failed; the message has the end of its log.
    """
    environment = folder / ".venv"
    python = str(environment / "bin" / "python")
    pip = [python, "-m", "pip", "--disable-pip-version-check", "--quiet", "install", "--require-hashes"]
    for command in (
        [sys.executable, "-m", "venv", str(environment)],
        [*pip, "-r", str(folder / LOCK_FILE)],
        # The first start would compile them.
        [python, "-m", "compileall", "-q", str(folder), "-x", r"/\.venv/|/tests/"],
    ):
        cores = ",".join(map(str, sorted(os.sched_getaffinity(0))))
        # Temporary files of an interrupted installation are removed with the checkout.
        variables = {"TMPDIR": str(log.parent)}
        with running(command, core=cores, log=log, folder=folder, variables=variables) as process:
            process.wait_for_end(INSTALL_TIMEOUT_S)
    return python


@contextmanager
def checked_out(
    revision: str, install: Callable[[Path, Path], str] = install_lock_file
) -> Iterator[Checkout]:
    """Check out and install `revision` in a temporary folder, which is removed at the end.

    Raises:
        BenchmarkError: no such commit, or its installation failed.
    """
    commit = _git("rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}")
    with tempfile.TemporaryDirectory(prefix="ratewire-bench-") as parent:
        folder = Path(parent) / "source"
        try:
            _git("worktree", "add", "--quiet", "--detach", str(folder), commit)
            python = install(folder, Path(parent) / "install.log")
            yield Checkout(describe_commit(commit), folder, python)
        finally:
            # Git removes by itself what an interrupted creation left.
            with suppress(BenchmarkError):
                _git("worktree", "remove", "--force", "--force", str(folder))


def describe_commit(revision: str = "HEAD") -> str:
    """Return the short hash and subject of a commit."""
    return _git("show", "--no-patch", "--format=%h %s", revision)


def describe_this_tree() -> str:
    """Return the commit of this source tree, and whether it has uncommitted changes."""
    is_changed = bool(_git("status", "--porcelain", "--untracked-files=no"))
    return describe_commit() + " (with uncommitted changes)" * is_changed


def _git(*arguments: str) -> str:
    command = [find("git", "git"), "-C", str(ROOT), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=GIT_TIMEOUT_S)
    if done.returncode:
        raise BenchmarkError(f"{' '.join(command)}: {done.stderr.strip() or 'failed'}")
    return done.stdout.strip()
