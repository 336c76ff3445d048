"""The selected media type is the client's preferred one among those of the operation."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.http.negotiation import MediaType, choose, choose_json, parse_accept, wants_page
from gateway.prepared_operation import OperationKind
from tests.cost import costs_at_most

URQL_QUERY = (
    "application/graphql-response+json, application/graphql+json, application/json, text/event-stream, "
    "multipart/mixed"
)
APOLLO_SUBSCRIPTION = (
    "multipart/mixed;boundary=graphql;subscriptionSpec=1.0,application/graphql-response+json,"
    "application/json;q=0.9"
)
CHROME_PAGE = (
    "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,image/apng,*/*;q=0.8"
)
RESPONSE, JSON, EVENTS, PARTS = MediaType.RESPONSE, MediaType.JSON, MediaType.EVENTS, MediaType.PARTS


@pytest.mark.parametrize(
    ("accept", "query", "subscription"),
    [
        (None, JSON, None),
        ("", JSON, None),
        ("*/*", JSON, None),
        ("application/*", JSON, None),
        ("application/json, text/plain, */*", JSON, None),
        ("application/json", JSON, None),
        ("application/graphql-response+json", RESPONSE, None),
        ("application/graphql-response+json, application/json", RESPONSE, None),
        ("application/json, application/graphql-response+json;q=0.9", JSON, None),
        ("application/graphql-response+json, application/json;q=0.9", RESPONSE, None),
        ("application/json;q=0, */*", RESPONSE, None),
        ("APPLICATION/JSON;Charset=UTF-8", JSON, None),
        (URQL_QUERY, RESPONSE, EVENTS),
        ("text/event-stream, multipart/mixed", EVENTS, EVENTS),
        ("text/event-stream", EVENTS, EVENTS),
        ("text/event-stream, application/json", JSON, EVENTS),
        ("text/event-stream, application/json;q=0.9", EVENTS, EVENTS),
        ("text/event-stream, */*;q=0.1", EVENTS, EVENTS),
        (APOLLO_SUBSCRIPTION, RESPONSE, PARTS),
        ('multipart/mixed;boundary="graphql";subscriptionSpec="1.0", application/json', JSON, PARTS),
        ('multipart/mixed;x="a,b";subscriptionSpec="1.0"', PARTS, PARTS),
        ("multipart/mixed", None, None),
        ("multipart/mixed;subscriptionSpec=2.0", None, None),
        ("multipart/mixed;deferSpec=20220824, application/json", JSON, None),
        ("text/html", None, None),
        ("image/png", None, None),
        ("application/json;q=0", None, None),
        ("application/json;q=much", None, None),
        ("nonsense", None, None),
    ],
)
def test_the_answer_is_what_the_client_wants_most(
    accept: str | None, query: MediaType | None, subscription: MediaType | None
) -> None:
    """With headers of real clients. A document that does not parse is answered like a query."""
    accepted = parse_accept(accept)
    assert choose(accepted, OperationKind.QUERY) is query
    assert choose(accepted, OperationKind.SUBSCRIPTION) is subscription
    assert choose(accepted, None) is query


@pytest.mark.parametrize(
    ("accept", "page"),
    [
        (CHROME_PAGE, True),
        ("text/html", True),
        ("text/html, application/json", False),
        ("text/html;q=0.9, application/json", False),
        ("text/html;q=0.9, */*;q=0.8", True),
        ("application/json, text/html;q=0.5", False),
        ("*/*", False),
        ("text/*", False),
        (None, False),
    ],
)
def test_only_who_prefers_html_gets_the_page(accept: str | None, *, page: bool) -> None:
    """Naming it beside JSON is not preferring it."""
    assert wants_page(parse_accept(accept)) is page


@pytest.mark.slow
@given(st.text(max_size=200) | st.from_regex(r'([a-z*]+/[a-z*]+(;[a-z]+="?[0-9.a,]*"?){0,3}[, ]{0,2}){0,5}'))
def test_any_header_leads_to_a_choice(header: str) -> None:
    """Nobody can make it fail."""
    accepted = parse_accept(header)
    for kind in (*OperationKind, None):
        choose(accepted, kind)
    assert choose_json(accepted) in {RESPONSE, JSON}


@pytest.mark.parametrize("piece", ['"\\', '"a\\', 'a/b;c="', "a/b;", "a/b,"])
def test_a_header_as_long_as_a_head_may_be_is_read_at_once(piece: str) -> None:
    """Unfinished strings took a minute of the processor, in which nobody else was answered."""
    with costs_at_most(1):
        parse_accept(piece * (128 * 1024 // len(piece)))


def test_a_comma_in_a_string_ends_no_range() -> None:
    """An unfinished string takes what follows with it."""
    assert [each.name for each in parse_accept('a/b;c="d,e/f", g/h')] == ["a/b", "g/h"]
    assert [each.name for each in parse_accept('a/b, c/d;e="f, g/h')] == ["a/b", "c/d"]
