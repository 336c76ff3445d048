"""Check the first line of docstrings: at most 90 characters, no question word as subject."""

import ast
import re
import sys
from collections.abc import Iterator

from tools.tracked_files import ROOT, list_files

LONGEST = 90
QUESTION_WORDS = r"(?:who|whoever|what|whatever|which|whichever|how|where|wherever|whom|whose)\b"
_QUESTION = re.compile(QUESTION_WORDS, re.IGNORECASE)
# To parse all files takes five times as long. ruff sees to it that docstrings begin like this.
_SUSPECT = re.compile(
    rf"""^[ \t]*r?\"\"\"\\?\s*(?:{QUESTION_WORDS}|\S.{{{LONGEST - 1},}}[^"\n])""",
    re.IGNORECASE | re.MULTILINE,
)
Documented = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


def find_problems(text: str) -> Iterator[tuple[int, str]]:
    """Yield line and message for each docstring that does not keep the rules."""
    if not _SUSPECT.search(text):
        return
    for node in ast.walk(ast.parse(text)):
        if not isinstance(node, Documented):
            continue
        docstring = ast.get_docstring(node)
        if not docstring:
            continue
        line = node.body[0].lineno
        first = docstring.splitlines()[0]
        if len(first) > LONGEST:
            yield line, f"{len(first)} characters in the first line of a docstring, at most {LONGEST}"
        if _QUESTION.match(first):
            yield line, f"a docstring begins with {first.split()[0]!r}: begin with a verb or a noun"


def main() -> int:
    """Print all problems, or with folders as arguments theirs; return 1 if there is any."""
    folders = sys.argv[1:]
    found = 0
    for name in list_files(*(f"{folder.rstrip('/')}/*.py" for folder in folders) if folders else ("*.py",)):
        for line, message in find_problems((ROOT / name).read_text(encoding="utf-8")):
            sys.stderr.write(f"{name}:{line}: {message}\n")
            found += 1
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
