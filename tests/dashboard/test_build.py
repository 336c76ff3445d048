"""The committed pages equal a build of the source."""

import filecmp
import shutil
import subprocess
from pathlib import Path

import pytest

pytestmark = pytest.mark.servers

ROOT = Path(__file__).resolve().parents[2]


def differences(comparison: "filecmp.dircmp[str]") -> list[str]:
    """Names of files on one side only or with different bytes, in all folders."""
    _, mismatched, unreadable = filecmp.cmpfiles(
        comparison.left, comparison.right, comparison.common_files, shallow=False
    )
    found = [*comparison.left_only, *comparison.right_only, *mismatched, *unreadable]
    for inner in comparison.subdirs.values():
        found += differences(inner)
    return found


@pytest.mark.timeout(900)
def test_the_committed_pages_are_built_from_the_source(tmp_path: Path) -> None:
    """A clean install, type check, unit tests and build give the bytes of `gateway/static/`.

    `make static` renews them.
    """
    source = tmp_path / "dashboard"
    shutil.copytree(ROOT / "dashboard", source, ignore=shutil.ignore_patterns("node_modules"))
    shutil.copy(ROOT / "schema.graphql", tmp_path)
    for command in (
        ["npm", "ci", "--silent", "--no-audit", "--no-fund"],
        ["npm", "run", "--silent", "check"],
        ["npm", "test", "--silent"],
        ["npm", "run", "--silent", "build", "--", "--logLevel", "error"],
    ):
        done = subprocess.run(command, cwd=source, capture_output=True, text=True, timeout=240, check=False)
        assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
    built = tmp_path / "gateway" / "static"
    assert differences(filecmp.dircmp(built, ROOT / "gateway" / "static")) == []
