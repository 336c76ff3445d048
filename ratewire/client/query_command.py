"""`ratewire query`: send a GraphQL document, print the result as JSON, CSV or a table."""

import json
import os
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import urlsplit

import typer

from ratewire.client.address import DEFAULT_URL, UrlOption, proxy_of
from ratewire.client.key import KeyFileOption, explain_denial, open_key
from ratewire.client.result_printer import CsvPrinter, JsonPrinter, ResultPrinter, TablePrinter

if TYPE_CHECKING:
    from http.client import HTTPResponse
    from urllib.error import HTTPError

    from graphql import DocumentNode, OperationDefinitionNode

# Between two bytes. On an idle stream the gateway sends a heartbeat, every 5 s by default; nginx ends one silent for 60 s too.
TIMEOUT_S = 60.0
EXIT_ERRORS = 1
EVENT_STREAM = "text/event-stream"
# The gateway answers a query as JSON, and a subscription as an event stream.
ACCEPT = f"application/graphql-response+json, application/json;q=0.9, {EVENT_STREAM};q=0.5"

Payload = Mapping[str, Any]


def query(  # noqa: PLR0917 - typer passes them by name
    file: Annotated[Path, typer.Argument(help="The document; - reads the standard input.", allow_dash=True)],
    variables: Annotated[
        str, typer.Option(help='Variables as a JSON object: \'{"symbol": "BTC/USDT"}\'.')
    ] = "{}",
    operation: Annotated[
        str | None, typer.Option(help="Name of the operation, if the document has several.")
    ] = None,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print the rows of the result as CSV.")] = False,
    as_table: Annotated[
        bool, typer.Option("--table", help="Print the rows of the result as a table.")
    ] = False,
    rows: Annotated[
        str | None,
        typer.Option(
            help="Path of the rows, e.g. rates.unavailable; default: the first list, else the whole result."
        ),
    ] = None,
    events: Annotated[
        int | None, typer.Option(min=1, help="End a subscription after this many events; default: at Ctrl-C.")
    ] = None,
    url: UrlOption = DEFAULT_URL,
    key_file: KeyFileOption = None,
) -> None:
    """Send a GraphQL document and print the result; events of a subscription as JSON lines.

    With --csv or --table, columns are the fields that the document selects: those of nested objects have dotted names, and nested
    lists are JSON. Errors go to the standard error output.

    Exits with 1 if the result has errors or the gateway is out of reach, with 2 if the document or an option is invalid.
    """
    from http.client import HTTPException

    text = read_document(file)
    payload = {"query": text, "variables": parse_variables(variables), "operationName": operation}
    printer = choose_printer(text, operation, as_csv=as_csv, as_table=as_table, rows=rows)
    key = open_key(key_file)()
    try:
        has_succeeded = send(url, payload, events, printer, key)
    except KeyboardInterrupt:
        has_succeeded = True
    except _ReaderGone:
        # It has enough, as `head` has. Python would complain at its exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        has_succeeded = True
    except (OSError, HTTPException) as exc:
        parse_document(text, operation)
        typer.echo(f"ratewire: {url}: {type(exc).__name__}: {exc}", err=True)
        has_succeeded = False
    raise typer.Exit(0 if has_succeeded else EXIT_ERRORS)


def choose_printer(
    text: str, operation: str | None, *, as_csv: bool, as_table: bool, rows: str | None
) -> ResultPrinter:
    """Return the printer that the options ask for.

    Raises:
        typer.BadParameter: options that exclude each other, or an invalid document.
    """
    if as_csv and as_table:
        raise typer.BadParameter("--csv and --table: expected one of them")
    if not (as_csv or as_table):
        if rows is not None:
            raise typer.BadParameter(f"--rows {rows}: expected --csv or --table with it")
        return JsonPrinter()
    document, definition = parse_document(text, operation)
    return (CsvPrinter if as_csv else TablePrinter)(document, definition, rows)


def read_document(file: Path) -> str:
    """Read the file, or the standard input.

    Raises:
        typer.BadParameter: it cannot be read.
    """
    try:
        return sys.stdin.read() if str(file) == "-" else file.read_text()
    except (OSError, UnicodeDecodeError) as exc:
        raise typer.BadParameter(f"{file}: {exc}") from exc


def parse_variables(text: str) -> dict[str, Any]:
    """Parse the variables.

    Raises:
        typer.BadParameter: not a JSON object.
    """
    try:
        variables = json.loads(text)
    except json.JSONDecodeError as exc:
        raise typer.BadParameter(f"variables {text!r}: {exc}: expected a JSON object") from exc
    if not isinstance(variables, dict):
        raise typer.BadParameter(f"variables {text!r}: expected a JSON object")
    return variables


def send(url: str, payload: Payload, events: int | None, printer: ResultPrinter, key: str | None) -> bool:
    """Print the result, or up to `events` of a subscription; return whether none has errors.

    A `key` is not sent to where the gateway redirects.

    Raises:
        OSError, http.client.HTTPException: no answer, or an interrupted one.
        typer.BadParameter: the document is invalid, or does not contain the operation.
    """
    # The standard library's client, because importing httpx takes longer than the query.
    from urllib.error import HTTPError
    from urllib.request import ProxyHandler, Request, build_opener

    proxy = proxy_of(url)
    if proxy is not None and not proxy.startswith("http://"):
        raise typer.BadParameter(f"the proxy {urlsplit(proxy).scheme}: expected http for `ratewire query`")
    # Given for the scheme of the address, urllib's own reading of NO_PROXY has no say.
    proxies = {} if proxy is None else {urlsplit(url).scheme: proxy}
    headers = {"content-type": "application/json", "accept": ACCEPT}
    request = Request(url, json.dumps(payload).encode(), headers)  # noqa: S310 - http or https: see `check_url`
    if key is not None:
        request.add_unredirected_header("authorization", f"Bearer {key}")
    try:
        response = build_opener(ProxyHandler(proxies)).open(request, timeout=TIMEOUT_S)
    except HTTPError as refusal:
        with refusal:
            return _print_result(refusal, payload, printer, has_key=key is not None)
    with response:
        if response.headers.get_content_type() == EVENT_STREAM:
            return _print_events(response, events, printer, has_key=key is not None)
        return _print_result(response, payload, printer, has_key=key is not None)


def _print_result(
    response: "HTTPResponse | HTTPError", payload: Payload, printer: ResultPrinter, *, has_key: bool
) -> bool:
    body = response.read()
    try:
        result = json.loads(body)
    except ValueError:
        text = body[:200].decode(errors="replace")
        typer.echo(f"ratewire: {response.url}: HTTP {response.status} {text!r}: expected GraphQL", err=True)
        return False
    if "data" not in result:
        parse_document(payload["query"], payload["operationName"])
    _print(printer, result, is_event=False, has_key=has_key)
    return "errors" not in result


def _print_events(
    lines: Iterable[bytes], events: int | None, printer: ResultPrinter, *, has_key: bool
) -> bool:
    has_succeeded = True
    for count, result in enumerate(read_events(lines), 1):
        _print(printer, result, is_event=True, has_key=has_key)
        has_succeeded = has_succeeded and not result.get("errors")
        if count == events:
            break
    return has_succeeded


class _ReaderGone(Exception):
    """The reader of the standard output has closed it."""


def _print(printer: ResultPrinter, result: Payload, *, is_event: bool, has_key: bool) -> None:
    try:
        printer.print(result, is_event=is_event)
        sys.stdout.flush()
    except BrokenPipeError as exc:
        raise _ReaderGone from exc
    for error in result.get("errors") or ():
        if explanation := explain_denial(error, has_key=has_key):
            typer.echo(f"ratewire: {explanation}", err=True)


def read_events(lines: Iterable[bytes]) -> Iterator[dict[str, Any]]:
    """Yield the results of a graphql-sse stream until its `complete` event.

    Raises:
        ConnectionError: the stream ends without `complete`.
    """
    event = b""
    for line in lines:
        name, _, value = line.rstrip(b"\r\n").partition(b":")
        if name == b"event":
            event = value.strip()
        elif name == b"data" and event == b"next":
            yield json.loads(value)
        elif name == b"data" and event == b"complete":
            return
    raise ConnectionError("the stream ended before it was complete")


def parse_document(text: str, operation: str | None) -> "tuple[DocumentNode, OperationDefinitionNode]":
    """Return the document and its operation; explain one that cannot be executed.

    JSON needs it only after a request without a result: graphql-core takes longer to import than everything else that a query
    needs.

    Raises:
        typer.BadParameter: a syntax error, or no such operation.
    """
    from graphql import GraphQLSyntaxError, OperationDefinitionNode, get_operation_ast, parse

    try:
        document = parse(text)
    except GraphQLSyntaxError as exc:
        raise typer.BadParameter(str(exc)) from exc
    definition = get_operation_ast(document, operation)
    if definition is None:
        names = [
            each.name.value if each.name else "(anonymous)"
            for each in document.definitions
            if isinstance(each, OperationDefinitionNode)
        ]
        raise typer.BadParameter(
            f"operation {operation!r} of {names}: expected --operation to name one of them"
        )
    return document, definition
