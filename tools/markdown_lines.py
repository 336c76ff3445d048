"""Report lines of Markdown longer than 120 characters.

Exempt are lines that Markdown cannot break: rows of tables, code blocks, headings, and a single word or link.
"""

import re
import sys
from collections.abc import Iterator

from tools.tracked_files import ROOT, list_files

LONGEST = 120
# Written by the bundler, in the words of the licences.
EXEMPT = {"gateway/static/licenses.md"}
_FENCE = re.compile(r" *(```|~~~)")
_UNBREAKABLE = re.compile(r"\s*(([-*>]|\d+\.)\s+)*(\[!\[[^\]]*\]\S*|!?\[[^\]]*\]\(\S*\)\S*|\S+)$")


def find_long_lines(text: str) -> Iterator[tuple[int, int]]:
    """Yield number and length of each line that is too long and could be broken."""
    in_code = False
    for number, line in enumerate(text.splitlines(), 1):
        if _FENCE.match(line):
            in_code = not in_code
            continue
        is_exempt = in_code or line.lstrip().startswith(("|", "#")) or _UNBREAKABLE.match(line)
        if len(line) > LONGEST and not is_exempt:
            yield number, len(line)


def main() -> int:
    """Print the long lines of all pages; return 1 if there are any."""
    found = 0
    for name in list_files("*.md"):
        if name in EXEMPT:
            continue
        for number, length in find_long_lines((ROOT / name).read_text(encoding="utf-8")):
            sys.stderr.write(f"{name}:{number}: {length} characters, at most {LONGEST}\n")
            found += 1
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
