"""Peers that run on Node. npm installs them when they are measured for the first time."""

import shutil
import subprocess
from pathlib import Path

from bench.market import NAMES
from bench.processes import ROOT, BenchmarkError
from rates.source import Source

FOLDER = ROOT / "bench" / "peers"
INSTALL_TIMEOUT_S = 600


def install_peers() -> None:
    """Install the packages of the lock file, if that has not been done.

    Raises:
        BenchmarkError: Node is not there, or an installation failed.
    """
    npm = shutil.which("npm")
    if npm is None or shutil.which("node") is None:
        raise BenchmarkError("node and npm are not installed: Mercurius needs Node 20 or newer")
    installed = FOLDER / "node_modules" / ".package-lock.json"
    if installed.is_file() and _is_newer(installed, FOLDER / "package-lock.json"):
        return
    done = subprocess.run(
        [npm, "ci", "--silent", "--no-audit", "--no-fund"],
        cwd=FOLDER,
        capture_output=True,
        text=True,
        check=False,
        timeout=INSTALL_TIMEOUT_S,
    )
    if done.returncode:
        raise BenchmarkError(f"npm ci in {FOLDER}:\n{done.stderr[-2000:]}")


def make_peer_command(script: str, redis_url: str) -> list[str]:
    """Return the command line of a peer; `{port}` stands for its port."""
    # The keys of a cluster have braces, too.
    keys = [
        key.replace("{", "{{").replace("}", "}}")
        for key in (NAMES.cache(Source.BINANCE), NAMES.changes_channel(Source.BINANCE))
    ]
    return ["node", str(FOLDER / script), "{port}", *keys, redis_url]


def _is_newer(one: Path, other: Path) -> bool:
    return one.stat().st_mtime >= other.stat().st_mtime
