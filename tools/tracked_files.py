"""The files of the project as git knows them, new ones included and ignored ones left out."""

import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def list_files(*patterns: str) -> list[str]:
    """Return the existing paths that match git's `patterns`, relative to `ROOT`, sorted."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", *patterns],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    return sorted(name for name in set(listed.stdout.split("\0")) - {""} if (ROOT / name).is_file())
