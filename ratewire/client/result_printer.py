"""Printers of GraphQL results: as JSON, CSV or a table."""

import csv
import io
import json
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

import typer

from ratewire.client.key import explain_denial

if TYPE_CHECKING:
    from graphql import DocumentNode, OperationDefinitionNode

    from ratewire.client.result_rows import RowTable

Result = Mapping[str, Any]
# A number as a cell has it: a Decimal is a string in JSON.
_DIGITS = frozenset("0123456789+-.")
# Rich asks the terminal for its width; a file has none.
_WIDTH_OF_A_FILE = 10_000


class ResultPrinter(Protocol):
    """Prints the results of one operation."""

    def print(self, result: Result, *, is_event: bool) -> None:
        """Print a result, or one event of a subscription."""
        ...


class JsonPrinter:
    """Prints whole results; events as one line each."""

    def print(self, result: Result, *, is_event: bool) -> None:
        """Print the result as JSON."""
        typer.echo(json.dumps(result, indent=None if is_event else 2, ensure_ascii=False))


class RowPrinter:
    """Prints rows.

    Errors, and lists that are not among the rows, go to the standard error output; `ratewire query` explains those of the key itself.
    """

    def __init__(
        self, document: "DocumentNode", operation: "OperationDefinitionNode", path: str | None
    ) -> None:
        """Check the path of the rows.

        Raises:
            typer.BadParameter: it leads nowhere.
        """
        from ratewire.client.result_rows import Path, UnknownRows, find_rows, read_selection

        self._selection = read_selection(document, operation)
        try:
            find_rows(self._selection, {}, path)
        except UnknownRows as exc:
            raise typer.BadParameter(f"--rows {exc}") from exc
        self._wanted = path
        self._path: Path | None = None
        self._reported: set[str] = set()

    def print(self, result: Result, *, is_event: bool) -> None:  # noqa: ARG002 - the same for both
        """Print the rows of a result."""
        from ratewire.client.result_rows import find_rows, read_rows

        for error in result.get("errors", ()):
            if explain_denial(error, has_key=True):
                continue
            code = error.get("extensions", {}).get("code")
            typer.echo(f"ratewire: {code or 'error'}: {error.get('message')}", err=True)
        data = result.get("data")
        if data is None:
            return
        if self._path is None:
            self._path = find_rows(self._selection, data, self._wanted)
        table = read_rows(self._selection, data, self._path)
        self._print_table(table)
        for path, length in table.others.items():
            if length and path not in self._reported:
                self._reported.add(path)
                typer.echo(f"ratewire: not shown: {path} ({length}); --rows {path} shows it", err=True)

    def _print_table(self, table: "RowTable") -> None:
        raise NotImplementedError


class CsvPrinter(RowPrinter):
    """Prints rows as CSV (RFC 4180, but with line ends of Unix), with one header."""

    _has_header = False

    def _print_table(self, table: "RowTable") -> None:
        rows = table.rows if self._has_header else [table.columns, *table.rows]
        self._has_header = True
        for row in rows:
            line = io.StringIO()
            # The writer quotes a carriage return only if its line ends have one.
            csv.writer(line, lineterminator="\r\n").writerow(row)
            sys.stdout.write(line.getvalue().removesuffix("\r\n") + "\n")


class TablePrinter(RowPrinter):
    """Prints rows as a table; a table for each event."""

    def _print_table(self, table: "RowTable") -> None:
        from rich import box
        from rich.console import Console
        from rich.table import Table
        from rich.text import Text

        shown = Table(box=box.SIMPLE_HEAD, pad_edge=False)
        for place, column in enumerate(table.columns):
            cells = [row[place] for row in table.rows]
            is_number = any(cells) and all(_DIGITS.issuperset(cell) for cell in cells)
            shown.add_column(Text(column), justify="right" if is_number else "left")
        for row in table.rows:
            shown.add_row(*(Text(cell) for cell in _make_printable(row)))
        Console(width=None if sys.stdout.isatty() else _WIDTH_OF_A_FILE).print(shown)


def _make_printable(row: Sequence[str]) -> list[str]:
    """Replace control characters: a name of a source must not write to the terminal."""
    return [
        "".join(each if each.isprintable() else "\N{REPLACEMENT CHARACTER}" for each in cell) for cell in row
    ]
