"""Origins of pages that may open a WebSocket."""

import pytest

from gateway.websocket.origin import is_origin_allowed

LISTED = ["https://dash.example"]


@pytest.mark.parametrize(
    ("origin", "host", "allowed"),
    [
        (None, "rates.example", True),
        ("http://rates.example", "rates.example", True),
        ("https://rates.example", "rates.example", True),
        ("https://rates.example", "rates.example:443", True),
        ("https://RATES.example", "rates.EXAMPLE", True),
        ("http://[::1]:8000", "[::1]:8000", True),
        ("http://rates.example:8001", "rates.example:8000", False),
        ("http://rates.example", "rates.example:8000", False),
        ("https://rates.example.evil", "rates.example", False),
        ("https://dash.example", "rates.example", True),
        ("https://dash.example:443", "rates.example", True),
        ("https://DASH.example", "rates.example", True),
        ("http://dash.example", "rates.example", False),
        ("https://dash.example:8443", "rates.example", False),
        ("https://sub.dash.example", "rates.example", False),
        ("null", "rates.example", False),
        ("null", "null", False),
        ("", "", False),
        ("https://[", "rates.example", False),
        ("https://rates.example:99999", "rates.example", False),
        ("https://rates.example", "", False),
    ],
)
def test_pages_from_here_and_listed_ones_are_let_in(origin: str | None, host: str, allowed: bool) -> None:
    """And what is no browser; nothing else."""
    headers = {"host": host} | ({} if origin is None else {"origin": origin})
    assert is_origin_allowed(headers, LISTED) is allowed


def test_a_star_lets_every_page_in() -> None:
    """As for CORS."""
    assert is_origin_allowed({"host": "a.example", "origin": "https://elsewhere.example"}, ["*"])
    assert is_origin_allowed({"host": "a.example", "origin": "null"}, ["*"])


def test_a_browser_that_says_same_origin_is_believed() -> None:
    """No page can set that header; a proxy may have changed the host."""
    headers = {"host": "inner:8000", "origin": "https://rates.example", "sec-fetch-site": "same-origin"}
    assert is_origin_allowed(headers, [])
