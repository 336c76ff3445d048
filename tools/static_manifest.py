"""Check that `gateway/static/` was built from the present `dashboard/`, without Node.

`make static` records the digest of the sources and of what it built from them. The test suite builds anew and compares every byte.
"""

import hashlib
import sys

from tools.tracked_files import ROOT, list_files

MANIFEST = ROOT / "dashboard" / "static.sha256"
SOURCES = (
    "dashboard/src",
    *(f"dashboard/{name}" for name in ("*.html", "*.json", "*.mjs", "vite.config.ts")),
)
BUILT = ("gateway/static",)


def digest(*patterns: str) -> str:
    """Return one SHA-256 over the names and contents of all matching files."""
    whole = hashlib.sha256()
    for name in list_files(*patterns):
        content = hashlib.sha256((ROOT / name).read_bytes()).hexdigest()
        whole.update(f"{content}  {name}\n".encode())
    return whole.hexdigest()


def expected() -> str:
    """Return the manifest of the present files."""
    return f"{digest(*SOURCES)}  dashboard\n{digest(*BUILT)}  gateway/static\n"


def main(arguments: list[str]) -> int:
    """Write the manifest; with `--check`, return 1 if it differs from the files."""
    if "--check" not in arguments:
        MANIFEST.write_text(expected(), encoding="utf-8")
        return 0
    if MANIFEST.read_text(encoding="utf-8") == expected():
        return 0
    sys.stderr.write("gateway/static/ was not built from the present dashboard/: run `make static`\n")
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
