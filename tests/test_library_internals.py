"""Internals of libraries that are used are as `library_internals` expects them."""

import ast
import asyncio
import inspect
import textwrap
import tomllib
from importlib import import_module
from importlib.metadata import version
from pathlib import Path

import pytest
import strawberry
import uvicorn
from packaging.requirements import Requirement
from redis.asyncio.connection import AbstractConnection
from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle
from uvicorn.server import ServerState
from websockets.client import ClientProtocol
from websockets.uri import parse_uri

from gateway.http.answering_protocol import AnsweringProtocol
from gateway.http.protocol import GatewayHttpProtocol
from gateway.http.stall_limit import StallLimitedProtocol
from gateway.http.upgrades import UpgradableProtocol
from gateway.schema.build import build_schema
from gateway.websocket.plain_opening import PlainOpeningProtocol
from gateway.websocket.protocol import GatewayWebSocketProtocol
from pipeline.net.message_connection import MessageConnection
from tests.gateway.wire import UPGRADE, Wire
from tests.library_internals import (
    ASSEMBLER,
    CYCLE,
    FEED,
    HTTP,
    LIBRARIES,
    QUEUE,
    SIGNATURES,
    STATES,
    WEBSOCKET,
    Signature,
)

ROOT = Path(__file__).parents[1]
ADVICE = "read the library's changes, adapt the gateway and tests/library_internals.py, or narrow the bound in pyproject.toml"


def find_owner(path: str) -> object:
    """Return the module or class that `module:Class` names."""
    module, _, name = path.partition(":")
    return getattr(import_module(module), name) if name else import_module(module)


async def application(_scope: Scope, _receive: Receive, _send: Send) -> None:
    """Answer nothing."""


def make_instances() -> dict[str, object]:
    """Return an instance of each owner of attributes, in the state that the gateway reads."""
    config = uvicorn.Config(application, ws=GatewayWebSocketProtocol, lifespan="off", log_config=None)
    config.load()
    http = GatewayHttpProtocol(config=config, server_state=ServerState(), app_state={})
    http.connection_made(Wire())
    http.on_message_begin()
    websocket = GatewayWebSocketProtocol(config=config, server_state=ServerState(), app_state={})
    websocket.connection_made(Wire())
    websocket.data_received(UPGRADE)
    cycle = RequestResponseCycle(
        scope=http.scope,
        transport=http.transport,
        flow=http.flow,
        logger=http.logger,
        access_logger=http.access_logger,
        access_log=False,
        default_headers=[],
        message_event=asyncio.Event(),
        expect_100_continue=False,
        keep_alive=False,
        on_response=http.on_response_complete,
    )
    feed = MessageConnection(ClientProtocol(parse_uri("ws://here/")))
    feed.connection_made(Wire())
    return {
        FEED: feed,
        ASSEMBLER: feed.recv_messages,
        QUEUE: feed.recv_messages.frames,
        "websockets.client:ClientProtocol": feed.protocol,
        HTTP: http,
        CYCLE: cycle,
        WEBSOCKET: websocket,
        "websockets.server:ServerProtocol": websocket.conn,
        "strawberry:Schema": build_schema(),
    }


@pytest.mark.parametrize("internal", SIGNATURES, ids=lambda each: f"{each.owner}.{each.name}")
def test_a_function_that_we_call_or_override_has_its_parameters(internal: Signature) -> None:
    """The names of the parameters, in order."""
    function = getattr(find_owner(internal.owner), internal.name, None)
    assert function is not None, f"{internal.owner} has no {internal.name} ({internal.reason}): {ADVICE}"
    seen = tuple(name for name in inspect.signature(function).parameters if name != "self")
    assert seen == internal.parameters, (
        f"{internal.owner}.{internal.name} has the parameters {seen}, expected {internal.parameters} ({internal.reason}): {ADVICE}"
    )


async def test_attributes_that_we_read_have_their_types() -> None:
    """Of live instances: most are set in constructors only."""
    instances = make_instances()
    for owner, name, type_name, reason in STATES:
        assert hasattr(instances[owner], name), f"{owner} has no attribute {name} ({reason}): {ADVICE}"
        seen = type(getattr(instances[owner], name)).__name__
        assert type_name in {"*", seen}, (
            f"{owner}.{name} is of type {seen}, expected {type_name} ({reason}): {ADVICE}"
        )
    for task in asyncio.all_tasks() - {asyncio.current_task()}:
        await task


@pytest.mark.parametrize(
    ("classes", "owner"),
    [
        ((StallLimitedProtocol, AnsweringProtocol, UpgradableProtocol, GatewayHttpProtocol), HTTP),
        ((GatewayWebSocketProtocol, PlainOpeningProtocol), WEBSOCKET),
        ((MessageConnection,), FEED),
    ],
    ids=["http", "websocket", "feed"],
)
def test_every_inherited_part_that_a_protocol_uses_is_listed(classes: tuple[type, ...], owner: str) -> None:
    """By the source of our subclasses: what they use of themselves and do not define."""
    trees = [ast.parse(textwrap.dedent(inspect.getsource(each))) for each in classes]
    used = {
        node.attr
        for tree in trees
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and _is_own(node.value)
    }
    defined = {name for each in classes for name in vars(each)} | {
        name for each in classes for name in getattr(each, "__annotations__", {})
    }
    inherited = {name for name in used if name not in defined or hasattr(find_owner(owner), name)}
    overridden = {name for name in defined if name in vars(find_owner(owner))}
    listed = {each.name for each in SIGNATURES if each.owner == owner}
    listed |= {each.name for each in STATES if each.owner == owner}
    # Python itself sets names with two underscores on each class, each version others.
    missing = {
        name for name in (inherited | overridden) - listed if name == "__init__" or not name.startswith("__")
    }
    assert not missing, f"{sorted(missing)} of {owner} are used and not listed in tests/library_internals.py"
    unused = listed - used - overridden
    assert not unused, f"{sorted(unused)} of {owner} are listed in tests/library_internals.py and not used"


def _is_own(node: ast.expr) -> bool:
    """Whether the expression is `self` or `super()`."""
    if isinstance(node, ast.Call):
        return isinstance(node.func, ast.Name) and node.func.id == "super"
    return isinstance(node, ast.Name) and node.id == "self"


def test_fields_of_the_schema_carry_their_definition() -> None:
    """Fields of the schema carry their definition.

    The fast path reads from strawberry's extension the Python name of a field, and whether it has a resolver of ours.
    """
    query_type = build_schema()._schema.query_type
    assert query_type is not None
    definition = query_type.fields["rate"].extensions.get("strawberry-definition")
    assert definition is not None, f"fields have no extension strawberry-definition: {ADVICE}"
    assert definition.python_name == "rate"
    assert definition.base_resolver is not None
    plain = strawberry.type(type("Plain", (), {"__annotations__": {"name": str}}))
    schema = strawberry.Schema(query=plain)._schema
    assert schema.query_type is not None
    assert schema.query_type.fields["name"].extensions["strawberry-definition"].base_resolver is None


def test_the_reason_for_preserving_cancellations_is_still_there() -> None:
    """redis-py and aiormq still send through `asyncio.wait_for`.

    When neither does, or with Python 3.11 at the latest, `runtime.cancellation` can go.
    """
    sources = {
        "redis-py": inspect.getsource(AbstractConnection.send_packed_command),
        "aiormq": inspect.getsource(import_module("aiormq.connection")),
    }
    for library, source in sources.items():
        assert "wait_for" in source, f"{library} uses wait_for no more: see runtime/cancellation.py"


@pytest.mark.parametrize("library", LIBRARIES)
def test_a_library_with_used_internals_has_an_upper_bound(library: str) -> None:
    """And the installed version lies within it."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    requirements = {each.name: each for each in map(Requirement, project["dependencies"])}
    assert library in requirements, (
        f"pyproject.toml does not name {library}: expected a lower and an upper bound"
    )
    specifier = requirements[library].specifier
    assert any(each.operator == "<" for each in specifier), f"{library} has no upper bound in pyproject.toml"
    assert specifier.contains(version(library)), f"{library} {version(library)} is not within {specifier}"
