"""Check that no two public classes of the product, no two files of a folder, share a name.

A file must not be named for a class that another file of its folder defines, and must not differ from its neighbour only by a plural.
"""

import re
import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath

from tools.tracked_files import ROOT, list_files

# Tests have a vocabulary of their own.
PACKAGES = (
    *("rates", "cache", "instruments", "history", "access", "runtime", "pipeline", "gateway"),
    *("simulator", "standalone", "drill", "ratewire", "bench"),
)
# Every source and every simulated exchange has the same files; their classes carry the source's name.
Modules = Mapping[str, str]
# To parse the packages takes fifty times as long, and no text of theirs has such a line.
_CLASS = re.compile(r"^class ([A-Za-z]\w*)", re.MULTILINE)


def public_classes(text: str) -> list[str]:
    """Return the public classes that a module defines at its top level."""
    return _CLASS.findall(text)


def find_shared_class_names(modules: Modules) -> Iterator[str]:
    """Yield a message for each name of several public classes."""
    homes = defaultdict(list)
    for path, text in modules.items():
        for name in public_classes(text):
            homes[name].append(path)
    for name, paths in sorted(homes.items()):
        if len(paths) > 1:
            yield f"class {name} is defined in {' and '.join(sorted(paths))}"


def find_shared_file_names(modules: Modules) -> Iterator[str]:
    """Yield a message for neighbouring modules whose names differ by a plural at most."""
    names = defaultdict(set)
    for path in modules:
        parts = PurePosixPath(path).with_suffix("").parts
        for depth in range(1, len(parts)):
            is_module = depth == len(parts) - 1
            names["/".join(parts[:depth])].add(parts[depth] if is_module else f"{parts[depth]}/")
    for folder, found in sorted(names.items()):
        stems = defaultdict(list)
        for name in sorted(found - {"__init__", "__main__"}):
            stems[_singular(name.rstrip("/"))].append(name)
        for same in stems.values():
            if len(same) > 1:
                yield f"{folder}/ has {' and '.join(same)}"


def find_misnamed_files(modules: Modules) -> Iterator[str]:
    """Yield a message for each file that is named for a class of another file in its folder."""
    for path, text in sorted(modules.items()):
        folder = PurePosixPath(path).parent
        for name in public_classes(text):
            other = str(folder / f"{_snake_case(name)}.py")
            if other != path and other in modules:
                yield f"{other} is named for the class {name}, which {path} defines"


def _singular(name: str) -> str:
    return re.sub(r"(?<=[a-z])ies$", "y", name) if name.endswith("ies") else name.removesuffix("s")


def _snake_case(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name).lower()


def main() -> int:
    """Print all names that are used twice; return 1 if there is any."""
    paths = list_files(*(f"{package}/*.py" for package in PACKAGES))
    modules = {path: (ROOT / path).read_text(encoding="utf-8") for path in paths}
    problems = [
        *find_shared_class_names(modules),
        *find_shared_file_names(modules),
        *find_misnamed_files(modules),
    ]
    sys.stderr.writelines(f"{problem}\n" for problem in problems)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
