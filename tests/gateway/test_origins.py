"""Origins of pages that may open a WebSocket."""

import pytest
from structlog.typing import EventDict

from gateway.origins import LOG_PERIOD_S, MAX_LOGGED, OriginPolicy, is_origin_allowed

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


@pytest.mark.parametrize(
    ("origin", "listed"),
    [
        ("http://localhost:3000", True),
        ("https://localhost", True),
        ("http://app.localhost:5173", True),
        ("http://127.0.0.1:8080", True),
        ("http://127.9.9.9", True),
        ("http://[::1]:3000", True),
        ("capacitor://localhost", True),
        ("http://localhost.example", False),
        ("http://127.0.0.1.example", False),
        ("http://10.0.0.1", False),
        ("http://example/localhost", False),
        ("null", False),
        ("file://", False),
    ],
)
def test_loopback_means_pages_of_the_same_machine(origin: str, listed: bool) -> None:
    """At any port; nothing that only looks like it."""
    assert is_origin_allowed({"host": "rates.example", "origin": origin}, ["loopback"]) is listed


def test_an_origin_is_logged_once_an_hour_and_their_number_is_bounded(
    structured_logs: list[EventDict],
) -> None:
    """Clients that are no browsers may send thousands."""
    now_s = [0.0]
    policy = OriginPolicy([], now_s=lambda: now_s[0])
    for _ in range(3):
        policy.log_refusal("https://a.example", "websocket")
    (line,) = structured_logs
    assert (line["origin"], line["setting"]) == ("https://a.example", "RATEWIRE_GATEWAY_ALLOWED_ORIGINS")
    for number in range(1_000):
        policy.log_refusal(f"https://{number}.example", "http")
    assert len(structured_logs) == MAX_LOGGED
    now_s[0] = LOG_PERIOD_S + 1
    policy.log_refusal("https://a.example", "websocket")
    assert len(structured_logs) == MAX_LOGGED + 1
