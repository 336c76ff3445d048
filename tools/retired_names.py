"""Check that no name of `retired_names.txt` is defined again.

Ordinary words are retired as definitions only: a comment may say "shelf", a class may not be called so. A `phrase` is retired in
comments, docstrings and documentation.
"""

import ast
import io
import re
import sys
import tokenize
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import PurePosixPath
from typing import NamedTuple

from tools.tracked_files import ROOT, list_files

LIST = "tools/retired_names.txt"
KINDS = frozenset({"class", "function", "parameter", "attribute", "module", "phrase"})
# Places of a definition, found without parsing the file, which takes ten times as long. Uses are found as well.
PLACES = {
    "class": re.compile(r"\bclass\s+_*(\w+)"),
    "function": re.compile(r"\bdef\s+_*(\w+)"),
    "attribute": re.compile(r"(?:[.=]|^)\s*_*(\w+)", re.MULTILINE),
    "parameter": re.compile(r"(?:[(,*]|^|\blambda\b)(?=\s*_*(\w+))", re.MULTILINE),
}
FORM = "expected NAME | KIND[, KIND…] | FOLDER[, FOLDER…]"


class RetiredName(NamedTuple):
    """A name, what it may no longer be, and in which folder or file."""

    name: str
    kind: str
    where: str

    def covers(self, path: str) -> bool:
        """Whether the path lies in `where`."""
        return path == self.where or path.startswith(f"{self.where}/")


class Definition(NamedTuple):
    """A name that a module defines, with its line."""

    name: str
    kind: str
    line: int


def parse_list(text: str) -> Iterator[RetiredName]:
    """Yield the entries of the list; comments begin with #.

    Raises:
        ValueError: a line that is not of the form NAME | KIND | FOLDER, or an unknown kind.
    """
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        columns = [column.strip() for column in line.split("|")]
        if len(columns) != len(RetiredName._fields) or not all(columns):
            raise ValueError(f"line {number}: {line!r}: {FORM}")
        name, kinds, folders = columns
        for kind in _split(kinds):
            if kind not in KINDS:
                raise ValueError(f"line {number}: kind {kind!r}: expected one of {sorted(KINDS)}")
            yield from (RetiredName(name, kind, folder) for folder in _split(folders))


def find_definitions(path: str, text: str) -> Iterator[Definition]:
    """Yield the definitions of a Python module, and the names of the module and its folders."""
    for part in PurePosixPath(path).with_suffix("").parts:
        yield Definition(part, "module", 1)
    for node in ast.walk(ast.parse(text, path)):
        match node:
            case ast.ClassDef(name=name, lineno=line):
                yield Definition(name, "class", line)
            case ast.FunctionDef(name=name, lineno=line) | ast.AsyncFunctionDef(name=name, lineno=line):
                yield Definition(name, "function", line)
            case ast.arg(arg=name, lineno=line):
                yield Definition(name, "parameter", line)
            case ast.Attribute(attr=name, ctx=ast.Store(), lineno=line):
                yield Definition(name, "attribute", line)
        if isinstance(node, ast.ClassDef):
            yield from _find_fields(node)


def find_retired(retired: Iterable[RetiredName], path: str, text: str) -> Iterator[str]:
    """Yield a message for each retired name or phrase in a file."""
    here = [each for each in retired if each.covers(path)]
    lowered, prose = text.lower(), None
    for each in here:
        if each.kind == "phrase" and _has_words(lowered, each.name.lower()):
            if prose is None:
                # Names of log events and metrics stay as they are.
                prose = _keep_prose(text) if path.endswith(".py") else text
            # A phrase may run over the end of a line of a comment.
            words = r"(?:[\s#]+)".join(re.escape(word) for word in each.name.split())
            for found in re.finditer(rf"\b{words}\b", prose, re.IGNORECASE):
                yield f"{path}:{prose.count(chr(10), 0, found.start()) + 1}: “{each.name}” is retired in {each.where}"
    if not path.endswith(".py"):
        return
    named = {(each.name, each.kind): each for each in here}
    if not _may_define(named, path, text):
        return
    for definition in find_definitions(path, text):
        # A leading underscore makes a name private, not another name.
        names = {definition.name, definition.name.lstrip("_")}
        for name in sorted(names):
            if found_name := named.get((name, definition.kind)):
                yield (
                    f"{path}:{definition.line}: {definition.kind} {definition.name} is retired in {found_name.where}"
                )


def _may_define(named: Iterable[tuple[str, str]], path: str, text: str) -> bool:
    """Whether a retired name stands where its kind is defined."""
    wanted = defaultdict[str, set[str]](set)
    for name, kind in named:
        wanted[kind].add(name.lstrip("_"))
    if not wanted["module"].isdisjoint(
        part.lstrip("_") for part in PurePosixPath(path).with_suffix("").parts
    ):
        return True
    return any(
        not wanted[kind].isdisjoint(found.findall(text)) for kind, found in PLACES.items() if wanted[kind]
    )


def _has_words(lowered: str, phrase: str) -> bool:
    """Whether a text has each word of a phrase, wherever."""
    return all(word in lowered and re.search(rf"\b{re.escape(word)}\b", lowered) for word in phrase.split())


def _find_fields(node: ast.ClassDef) -> Iterator[Definition]:
    for statement in node.body:
        match statement:
            case ast.AnnAssign(target=ast.Name(id=name), lineno=line):
                yield Definition(name, "attribute", line)
            case ast.Assign(targets=targets, lineno=line):
                yield from (
                    Definition(each.id, "attribute", line) for each in targets if isinstance(each, ast.Name)
                )


def _keep_prose(text: str) -> str:
    """Return comments and docstrings on their lines, and nothing else."""
    lines = [""] * (text.count("\n") + 2)
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        is_docstring = token.type == tokenize.STRING and token.string.startswith('"""')
        if token.type == tokenize.COMMENT or is_docstring:
            for number, line in enumerate(token.string.splitlines(), token.start[0] - 1):
                lines[number] += line
    return "\n".join(lines)


def _split(text: str) -> list[str]:
    return [part.strip() for part in text.split(",")]


def main() -> int:
    """Print every retired name in use; return 1 if there is any."""
    retired = list(parse_list((ROOT / LIST).read_text(encoding="utf-8")))
    problems: list[str] = []
    for name in list_files("*.py", "*.md"):
        if name not in EXEMPT:
            problems += find_retired(retired, name, (ROOT / name).read_text(encoding="utf-8"))
    sys.stderr.writelines(f"{problem}: see {LIST}\n" for problem in problems)
    return 1 if problems else 0


# Its examples are retired names.
EXEMPT = frozenset({"tests/tools/test_retired_names.py"})


if __name__ == "__main__":
    sys.exit(main())
