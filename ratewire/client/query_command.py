"""`ratewire query`: a GraphQL document from a file, its answer as JSON on the standard output."""

import asyncio
import json
import sys
from collections.abc import Mapping
from contextlib import aclosing
from pathlib import Path
from typing import Annotated, Any

import httpx
import typer
from gql import Client, gql
from gql.transport.exceptions import TransportError, TransportQueryError
from gql.transport.websockets import WebsocketsTransport
from graphql import (
    DocumentNode,
    GraphQLSyntaxError,
    OperationDefinitionNode,
    OperationType,
    get_operation_ast,
    parse,
)
from websockets.exceptions import WebSocketException

from ratewire.client.address import DEFAULT_URL, UrlOption, socket_url

TIMEOUT_S = 30.0
EXIT_ERRORS = 1

Payload = Mapping[str, Any]


def query(
    file: Annotated[Path, typer.Argument(help="The document; - reads the standard input.", allow_dash=True)],
    variables: Annotated[
        str, typer.Option(help='Variables as a JSON object: \'{"symbol": "BTC/USDT"}\'.')
    ] = "{}",
    operation: Annotated[
        str | None, typer.Option(help="Which operation, where the document has several.")
    ] = None,
    events: Annotated[
        int | None, typer.Option(min=1, help="End a subscription after so many events; else Ctrl-C does.")
    ] = None,
    url: UrlOption = DEFAULT_URL,
) -> None:
    """Send a GraphQL document and print the answer; of a subscription every event, one JSON line each.

    Ends with 1 when the answer has errors or the gateway cannot be reached, with 2 when the document cannot be used.
    """
    text = read_document(file)
    chosen = choose_operation(parse_document(text), operation)
    payload = {"query": text, "variables": parse_variables(variables), "operationName": operation}
    try:
        if chosen.operation is OperationType.SUBSCRIPTION:
            is_good = asyncio.run(follow(url, payload, events))
        else:
            is_good = ask(url, payload)
    except (httpx.HTTPError, TransportError, WebSocketException, OSError, TimeoutError) as exc:
        typer.echo(f"ratewire: {url}: {type(exc).__name__}: {exc}", err=True)
        is_good = False
    except KeyboardInterrupt:
        is_good = True
    raise typer.Exit(0 if is_good else EXIT_ERRORS)


def read_document(file: Path) -> str:
    """The text of the file, or of the standard input.

    Raises:
        typer.BadParameter: it cannot be read.
    """
    try:
        return sys.stdin.read() if str(file) == "-" else file.read_text()
    except (OSError, UnicodeDecodeError) as exc:
        raise typer.BadParameter(f"{file}: {exc}") from exc


def parse_document(text: str) -> DocumentNode:
    """The document, if it is one.

    Raises:
        typer.BadParameter: it is none; the message says where.
    """
    try:
        return parse(text)
    except GraphQLSyntaxError as exc:
        raise typer.BadParameter(str(exc)) from exc


def choose_operation(document: DocumentNode, name: str | None) -> OperationDefinitionNode:
    """The operation of that name, or the only one.

    Raises:
        typer.BadParameter: there is none, or several and no name.
    """
    found = get_operation_ast(document, name)
    if found is None:
        names = [
            each.name.value if each.name else "(anonymous)"
            for each in document.definitions
            if isinstance(each, OperationDefinitionNode)
        ]
        raise typer.BadParameter(f"operation {name!r} of {names}: expected --operation to name one of them")
    return found


def parse_variables(text: str) -> dict[str, Any]:
    """The variables.

    Raises:
        typer.BadParameter: no JSON object.
    """
    try:
        variables = json.loads(text)
    except json.JSONDecodeError as exc:
        raise typer.BadParameter(f"variables {text!r}: {exc}: expected a JSON object") from exc
    if not isinstance(variables, dict):
        raise typer.BadParameter(f"variables {text!r}: expected a JSON object")
    return variables


def ask(url: str, payload: Payload) -> bool:
    """Print the answer to a query; whether it has no errors."""
    headers = {"accept": "application/graphql-response+json, application/json"}
    response = httpx.post(url, json=payload, headers=headers, timeout=TIMEOUT_S)
    try:
        answer = response.json()
    except ValueError:
        typer.echo(
            f"ratewire: {url}: HTTP {response.status_code} {response.text[:200]!r}: expected GraphQL",
            err=True,
        )
        return False
    typer.echo(json.dumps(answer, indent=2, ensure_ascii=False))
    return "errors" not in answer


async def follow(url: str, payload: Payload, events: int | None) -> bool:
    """Print a subscription's events as they come; whether none had errors."""
    question = gql(payload["query"])
    question.variable_values, question.operation_name = payload["variables"], payload["operationName"]
    transport = WebsocketsTransport(socket_url(url), subprotocols=["graphql-transport-ws"])
    async with (
        Client(transport=transport) as session,
        aclosing(session.subscribe(question, get_execution_result=True)) as results,
    ):
        seen, is_good = 0, True
        try:
            async for result in results:
                print(json.dumps(result.formatted, ensure_ascii=False), flush=True)  # noqa: T201 - what it is for
                seen, is_good = seen + 1, is_good and not result.errors
                if seen == events:
                    break
        except TransportQueryError as exc:
            print(json.dumps({"errors": exc.errors}, ensure_ascii=False), flush=True)  # noqa: T201
            return False
    return is_good
