"""The reader of bodies accepts nothing that the strict parser refuses, with equal parts."""

import json

import pytest
from graphql import OperationDefinitionNode, parse
from hypothesis import example, given, settings
from hypothesis import strategies as st

from gateway.fastpath import body_reader
from gateway.fastpath.body_reader import BodyReader, ReadBody, read_body_parts
from gateway.fastpath.variable_reader import VariableReader
from gateway.request import MalformedRequest, decode_json, parse_request
from gateway.schema.build import build_schema
from tests.json_types import Json
from tests.lengths import at_length

QUERY = 'query Q($s: [Symbol!]) { rates(symbols: $s) { items { id(a: "x\\\\y") } } }'
(OPERATION,) = parse("query($s: [Symbol!], $a: Int) { __typename }").definitions
assert isinstance(OPERATION, OperationDefinitionNode)
READER = VariableReader(build_schema()._schema, OPERATION)
pieces = st.sampled_from([
    '"', "\\", "\\u0022", "{", "}", "[", "]", ",", ":", " ", "\n", "1", "null", '"query"', '"variables"', '"operationName"',
    '"extensions"', '"a"', '{"a": "b"}', '{"a": 1, "a": 2}', '"x\\"y"', "é", "\ufeff", "\x01", "NaN",
])  # fmt: skip


@st.composite
def bodies(draw: st.DrawFn) -> bytes:
    """JSON of a request with parts of any kind, in any order, sometimes broken."""
    scalars: st.SearchStrategy[Json] = st.sampled_from(
        [
            "", "Q", QUERY, '"', "\\", "\n", "é", "\ud800", None, 5, {}, {"s": ["BTC/USDT"]}, {"s": '"'}, [],
            {"persistedQuery": {"version": 1, "sha256Hash": "a" * 64}}, {"persistedQuery": {"sha256Hash": 5}},
        ]
    )  # fmt: skip
    keys = st.sampled_from(
        ["query", "query", "documentId", "variables", "operationName", "extensions", "other"]
    )
    members = draw(st.lists(st.tuples(keys, scalars), max_size=5))
    text = (
        "{"
        + ", ".join(
            f"{json.dumps(key)}: {json.dumps(value, ensure_ascii=draw(st.booleans()))}"
            for key, value in members
        )
        + "}"
    )
    for _ in range(draw(st.integers(0, 2))):
        place = draw(st.integers(0, len(text)))
        text = text[:place] + draw(pieces) + text[place + draw(st.integers(0, 2)) :]
    return text.encode("utf-8", "surrogatepass")


@pytest.mark.slow
@settings(max_examples=at_length(600), deadline=None)
@given(body=bodies())
def test_what_the_reader_accepts_is_what_the_parser_finds(body: bytes) -> None:
    """Equal document and name; the next reader refuses variables that are not an object."""
    found = read_body_parts(body)
    if found is None:
        return
    try:
        request = parse_request(decode_json(body))
    except MalformedRequest:
        assert READER.read(found.variables) is None
        return
    assert (found.query, found.operation_name) == (request.query, request.operation_name)
    assert found.document_id == request.document_id
    assert not request.registers
    assert decode_json(found.variables) == (request.variables or {})


@pytest.mark.slow
@settings(max_examples=at_length(600), deadline=None)
@given(body=bodies(), others=st.lists(st.tuples(st.integers(0, 300), pieces, st.integers(0, 4)), max_size=6))
@example(body=b'{"extensions": {"variables": {}}, "query": "{a}", "variables": {}}', others=[(30, b'"', 0)])
@example(body=b'{"operationName": "variables", "query": "{}", "variables": {}}', others=[(40, b"a", 1)])
def test_a_known_frame_is_read_as_if_it_were_new(
    body: bytes, others: list[tuple[int, str | bytes, int]]
) -> None:
    """Also with other bytes between the same ones as before, and with what looks like that."""
    reader = BodyReader()
    for _ in range(3):
        assert reader.read(body) == read_body_parts(body)
    for place, piece, length in others:
        changed = (
            body[:place] + (piece if isinstance(piece, bytes) else piece.encode()) + body[place + length :]
        )
        found, expected = reader.read(changed), read_body_parts(changed)
        if found != expected:
            # What is no object is refused by whoever decodes it.
            assert expected is None
            assert found is not None
            assert READER.read(found.variables) is None


def test_of_a_known_frame_only_the_variables_are_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    """From the third body on: one that never comes again is not kept."""
    reader = BodyReader()
    read: list[bytes] = []

    def note(body: bytes) -> ReadBody | None:
        read.append(body)
        return read_body_parts(body)

    monkeypatch.setattr(body_reader, "read_body_parts", note)
    for number in range(5):
        variables = {"s": [f"A{number}/B", "BTC/USDT"], "a": number}
        body = json.dumps({"query": QUERY, "variables": variables, "operationName": "Q"}).encode()
        found = reader.read(body)
        assert found is not None
        assert (found.query, found.operation_name) == (QUERY, "Q")
        assert json.loads(found.variables) == variables
        assert len(read) == (1 if number == 0 else 4)


def test_variables_that_are_elsewhere_too_make_no_frame() -> None:
    """Those of the extensions are not those of the request, whatever they contain."""
    reader = BodyReader()
    others: list[dict[str, Json]] = [{}, {"a": 1}, {"b": 2}, {"s": []}]
    for other in others:
        for value in ({}, {"a": 1}, {"b": 2}):
            body = json.dumps(
                {"query": QUERY, "extensions": {"variables": other}, "variables": value}
            ).encode()
            for _ in range(3):
                found = reader.read(body)
                assert found is not None
                assert json.loads(found.variables) == value


@pytest.mark.parametrize(
    "body",
    [
        {"query": QUERY},
        {"query": QUERY, "variables": {"s": ["BTC/USDT"]}},
        {"operationName": "Q", "variables": {"s": ["BTC/USDT"]}, "query": QUERY},
        {"query": QUERY, "variables": None, "operationName": None},
        {
            "query": QUERY,
            "variables": {},
            "extensions": {"clientLibrary": {"name": "@apollo/client", "version": "4.0"}},
        },
    ],
    ids=["document", "variables", "Apollo", "nulls", "extensions"],
)
def test_bodies_of_clients_are_accepted(body: dict[str, Json]) -> None:
    """A reader that refused everything would be of no use."""
    found = read_body_parts(json.dumps(body).encode())
    assert found is not None
    assert found.query == QUERY
    assert json.loads(found.variables) == (body.get("variables") or {})


@pytest.mark.parametrize(
    "body",
    [
        {"documentId": "sha256:1", "variables": {"s": []}},
        {"documentId": "sha256:1", "query": "", "extensions": None},
        {"extensions": {"persistedQuery": {"version": 1, "sha256Hash": "sha256:1"}}, "operationName": "Q"},
        {"query": "", "documentId": "sha256:1", "extensions": {"persistedQuery": {"sha256Hash": "2"}}},
    ],
    ids=str,
)
def test_bodies_with_an_identifier_are_accepted(body: dict[str, Json]) -> None:
    """In either form."""
    found = read_body_parts(json.dumps(body).encode())
    assert found is not None
    assert (found.query, found.document_id) == ("", "sha256:1")


@pytest.mark.parametrize(
    "body",
    [
        b'{"query": "{a}", "query": "{a}"}',
        b'{"query": "{a}", "other": 1}',
        b'{"query": "{a}", "extensions": {"a": 1, "a": 1}}',
        b'{"query": "{a}", "extensions": [1]}',
        b'{"query": "{a}", "extensions": {"persistedQuery": {"version": 1, "sha256Hash": "1"}}}',
        b'{"query": "{a}", "documentId": "sha256:1"}',
        b'{"query": "\\u007ba}"}',
        b'{"query": ""}',
        b'{"query": "{a}"} x',
        b"[]",
        b"",
    ],
)
def test_all_else_is_left_to_the_parser(body: bytes) -> None:
    """Parts that are there twice, unknown or escaped, and other JSON."""
    assert read_body_parts(body) is None


@pytest.mark.parametrize("depth", range(97, 103))
def test_extensions_are_as_deep_as_the_parser_allows(depth: int) -> None:
    """Their depth counts from the whole body."""
    inside = b"[" * (depth - 2) + b"]" * (depth - 2)
    body = b'{"query": "{a}", "extensions": {"a": %b}}' % inside
    try:
        decode_json(body)
        is_refused = False
    except MalformedRequest:
        is_refused = True
    assert is_refused == (depth > 100)
    assert (read_body_parts(body) is None) == is_refused
