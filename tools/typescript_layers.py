"""Check that the dashboard's imports have no back arrow between folders and no circle.

An import of types counts like any other. Biome's `noImportCycles` finds circles too; it knows no layers, and needs Node.
"""

import posixpath
import re
import sys
from collections.abc import Iterator, Mapping
from graphlib import CycleError, TopologicalSorter

from tools.tracked_files import ROOT, list_files

SOURCES = "dashboard/src/"
# From the top down: a folder imports from the layers below its own. Folders of one layer do not import each other.
LAYERS: tuple[frozenset[str], ...] = (
    frozenset({"main.tsx"}),
    frozenset({"app.tsx", "wall"}),
    frozenset({"shell", "instrument", "spreads", "converter"}),
    frozenset({"market", "sources", "chart", "alerts"}),
    frozenset({"stores"}),
    frozenset({"live"}),
    frozenset({"graphiql", "embed"}),
    frozenset({"graphql"}),
    frozenset({"browser", "rates"}),
)
_IMPORT = re.compile(r'(?:\bfrom|\bimport)\s*\(?\s*"(\.[^"]+)"')
Imports = Mapping[str, set[str]]


def find_imports(path: str, text: str, files: set[str]) -> Iterator[str]:
    """Yield the files of the project that a module imports."""
    for name in _IMPORT.findall(text):
        target = posixpath.normpath(f"{path.rpartition('/')[0]}/{name}")
        yield from (found for ending in ("", ".ts", ".tsx") if (found := target + ending) in files)


def find_back_arrows(imports: Imports) -> Iterator[str]:
    """Yield a message for each import that does not point to a lower layer."""
    rank = {folder: number for number, layer in enumerate(LAYERS) for folder in layer}
    for path, targets in imports.items():
        own = _folder(path)
        if own not in rank:
            yield f"{path}: {own} has no layer in {__name__}"
            continue
        for target in sorted(targets):
            other = _folder(target)
            if other != own and rank.get(other, -1) <= rank[own]:
                yield f"{path} imports {target}: {own} must not import {other}"


def find_circle(imports: Imports) -> list[str]:
    """Return the files of one circle, or nothing."""
    try:
        TopologicalSorter(imports).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def _folder(path: str) -> str:
    return path.removeprefix(SOURCES).split("/")[0]


def main() -> int:
    """Print all back arrows and a circle; return 1 if there is any."""
    files = set(list_files(f"{SOURCES}*.ts", f"{SOURCES}*.tsx"))
    imports = {
        path: set(find_imports(path, (ROOT / path).read_text(encoding="utf-8"), files)) for path in files
    }
    problems = sorted(find_back_arrows(imports))
    if circle := find_circle(imports):
        problems.append(f"a circle of imports: {' → '.join(circle)}")
    sys.stderr.writelines(f"{problem}\n" for problem in problems)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
