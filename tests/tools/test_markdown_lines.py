"""The limit on lines of Markdown."""

import pytest

from tools.markdown_lines import find_long_lines

LONG = "word " * 30
LINK = f"https://example.org/{'a' * 130}"


@pytest.mark.parametrize(
    "text",
    [
        "short",
        "w" * 120,
        f"| {LONG} |",
        f"```sh\n{LONG}\n```",
        f"## {LONG}",
        LINK,
        f"- [a link of several words]({LINK}).",
        f"[![a picture of several words]({LINK})]({LINK})",
    ],
)
def test_a_line_that_cannot_be_broken_may_be_long(text: str) -> None:
    """Tables, code, headings and single links."""
    assert not list(find_long_lines(text))


@pytest.mark.parametrize(
    ("text", "number"),
    [
        (LONG, 1),
        (f"- {LONG}", 1),
        (f"see [a link]({LINK})", 1),
        (f"```\ncode\n```\n{LONG}", 4),
        ("word " * 24 + "w", 1),
    ],
)
def test_a_long_line_that_could_be_broken_is_found(text: str, number: int) -> None:
    """With its number and length."""
    assert [found for found, _ in find_long_lines(text)] == [number]
