"""Hostile documents are refused unparsed where only trusted ones are executed."""

import pytest

from gateway.app import GatewayApp, create_app
from gateway.gateway import Gateway
from gateway.prepared_operation import OperationRejected
from gateway.request import GraphQLRequest, MalformedRequest, decode_json, parse_request
from gateway.schema import documents
from gateway.settings import GatewaySettings
from gateway.trusted_documents.document_store import DocumentMode
from tests.gateway.fakes import wait_until
from tests.gateway.http.test_hostile_http import BODIES
from tests.gateway.test_query_cost import HOSTILE
from tests.gateway.wire import connected, post, written


def read_bodies() -> dict[str, GraphQLRequest]:
    """Return the requests of the hostile bodies that are requests."""
    found = {}
    for name, body in BODIES.items():
        try:
            found[name] = parse_request(decode_json(body))
        except MalformedRequest:
            # It is refused before its document is looked at.
            continue
    return found


REQUESTS = {**read_bodies(), **{name: GraphQLRequest(*each) for name, each in HOSTILE.items()}}


class Parsing:
    """Counts the documents that are parsed; each fails."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self, *_: object, **__: object) -> None:
        self.count += 1
        raise AssertionError("a document was parsed")


@pytest.fixture
def parsing(monkeypatch: pytest.MonkeyPatch) -> Parsing:
    """The parser of documents."""
    parsing = Parsing()
    monkeypatch.setattr(documents, "parse", parsing)
    return parsing


@pytest.fixture
def settings(request: pytest.FixtureRequest) -> GatewaySettings:
    """Those of a gateway that executes trusted documents only, or that of a parameter."""
    mode = getattr(request, "param", DocumentMode.ONLY)
    return GatewaySettings(port=0, catalog_refresh_s=60, fast_path=True, trusted_documents=mode)


@pytest.fixture
def app(gateway: Gateway, settings: GatewaySettings) -> GatewayApp:
    return create_app(gateway, settings)


async def test_every_hostile_document_is_refused_unparsed(app: GatewayApp, parsing: Parsing) -> None:
    """By what all transports use."""
    operations = app.graphql.operations
    assert len(REQUESTS) > len(HOSTILE) + 20
    for name, request in REQUESTS.items():
        with pytest.raises(OperationRejected) as refused:
            await operations.prepare_in_turn(request)
        (error,) = refused.value.errors
        assert error["extensions"]["code"] == "TRUSTED_DOCUMENT_REQUIRED", name
    assert parsing.count == 0


async def test_over_http_they_are_refused_unparsed_too(
    gateway: Gateway, app: GatewayApp, parsing: Parsing
) -> None:
    """However often they come."""
    async with connected(gateway, app) as (protocol, wire):
        for name, request in REQUESTS.items():
            for _ in range(2):
                wire.written.clear()
                protocol.data_received(post(request.query))
                await wait_until(lambda: b'"errors"' in written(wire))
                assert b"TRUSTED_DOCUMENT_REQUIRED" in written(wire), name
    assert parsing.count == 0


@pytest.mark.parametrize("settings", [DocumentMode.AUTO], indirect=True)
async def test_elsewhere_they_are_parsed(app: GatewayApp, parsing: Parsing) -> None:
    """So that the tests above would see it."""
    operations = app.graphql.operations
    for number, request in enumerate(REQUESTS.values(), start=1):
        with pytest.raises(AssertionError):
            await operations.prepare_in_turn(request)
        assert parsing.count == number
