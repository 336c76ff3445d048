"""Requests that readers can copy from the documentation: code blocks of `graphql` and `sh`."""

import re
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]
PAGES = (
    *sorted((ROOT / "docs" / "api").glob("*.md")),
    ROOT / "docs" / "consensus.md",
    ROOT / "docs" / "conversion.md",
    ROOT / "README.md",
)
_FENCE = re.compile(
    r"^```(?P<language>\w+)(?: +(?P<code>[A-Z_]+))?\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL
)
ADDRESS = "localhost:8000"


class Request(NamedTuple):
    """One code block; `code` is the error that it is expected to cause."""

    language: str
    text: str
    code: str | None

    @property
    def is_subscription(self) -> bool:
        return re.match(r"\s*subscription\b", self.text) is not None


def read_requests(page: Path) -> list[Request]:
    """Read all requests of a page, in order: GraphQL documents and calls of curl."""
    blocks = [
        Request(each["language"], each["text"], each["code"]) for each in _FENCE.finditer(page.read_text())
    ]
    return [each for each in blocks if each.language == "graphql" or "curl -s" in each.text]


def read_table(page: Path, heading: str) -> dict[str, str]:
    """Read the first two columns of the first table after a heading, without backticks."""
    text = page.read_text().partition(heading)[2]
    table = re.search(r"(?:^\|.*\n)+", text, re.MULTILINE)
    assert table is not None
    rows = [[cell.strip(" `") for cell in line.strip("|").split("|")] for line in table[0].splitlines()[2:]]
    return {row[0]: row[1] for row in rows}
