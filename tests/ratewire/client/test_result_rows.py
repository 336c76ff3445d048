"""Rows of GraphQL results: as many as items, with the columns of the document."""

import csv
import io

import pytest
import typer
from graphql import get_operation_ast, parse
from hypothesis import given
from hypothesis import strategies as st

from ratewire.client.query_command import choose_printer
from ratewire.client.result_printer import CsvPrinter, TablePrinter
from ratewire.client.result_rows import RowTable, UnknownRows, find_rows, read_rows, read_selection
from tests.json_types import JsonObject

RATES = """
query { rates { items { ...Priced } unavailable { symbol source { code } } cursor } }
fragment Priced on Rate { symbol source { code } ... on Rate { price } old: ageMs }
"""
DATA: JsonObject = {
    "rates": {
        "items": [
            {"symbol": "BTC/USDT", "source": {"code": "OKX"}, "price": "0.00000001", "old": 12},
            {"symbol": 'A,"B"/USD', "source": None, "price": None, "old": 0},
        ],
        "unavailable": [{"symbol": "NO/SUCH", "source": None}],
        "cursor": "c",
    }
}


def read(text: str, data: JsonObject, path: str | None = None) -> RowTable:
    """Return the rows of a result of the document."""
    document = parse(text)
    operation = get_operation_ast(document)
    assert operation is not None
    selection = read_selection(document, operation)
    return read_rows(selection, data, find_rows(selection, data, path))


def test_the_first_list_gives_the_rows_and_the_document_the_columns() -> None:
    """Through fragments and aliases; null leaves cells empty, not columns out."""
    table = read(RATES, DATA)
    assert table.columns == ["symbol", "source.code", "price", "old"]
    assert table.rows == [["BTC/USDT", "OKX", "0.00000001", "12"], ['A,"B"/USD', "", "", "0"]]
    assert table.others == {"rates.unavailable": 1}


def test_a_path_chooses_other_rows() -> None:
    """An object is a single row; a path that is null has none."""
    assert read(RATES, DATA, "rates.unavailable").rows == [["NO/SUCH", ""]]
    assert read(RATES, DATA, "rates").columns[-1] == "cursor"
    assert read(RATES, {"rates": None}, "rates.items").rows == []
    with pytest.raises(UnknownRows, match=r"'rates\.item'.*expected one of rates, rates\.items, "):
        read(RATES, DATA, "rates.item")


def test_lists_inside_of_a_row_are_json() -> None:
    """Parallel columns stay parallel."""
    data: JsonObject = {
        "consensusRate": {
            "price": "1",
            "contributions": [{"source": {"code": "OKX"}, "weight": "0.5"}, {"source": None, "weight": None}],
        }
    }
    text = "{ consensusRate { price contributions { source { code } weight } } }"
    table = read(text, data, "consensusRate")
    assert table.columns == ["price", "contributions.source.code", "contributions.weight"]
    assert table.rows == [["1", '["OKX",null]', '["0.5",null]']]
    lists: JsonObject = {"sources": [{"silent": ["A/B", "C/D"], "simulated": True}]}
    assert read("{ sources { silent simulated } }", lists).rows == [['["A/B","C/D"]', "true"]]


@pytest.mark.parametrize(
    ("text", "data", "columns", "rows"),
    [
        ("{ rate { price } }", {"rate": {"price": "1"}}, ["price"], [["1"]]),
        ("{ rate { price } }", {"rate": None}, ["price"], []),
        ("{ __typename }", {"__typename": "Query"}, ["__typename"], [["Query"]]),
        (
            "{ a: rate { price } b: rate { price } }",
            {"a": {"price": "1"}, "b": None},
            ["a.price", "b.price"],
            [["1", ""]],
        ),
        (
            "{ instruments { edges { node { symbol } } } }",
            {"instruments": {"edges": [{"node": {"symbol": "A/B"}}]}},
            ["node.symbol"],
            [["A/B"]],
        ),
        ("{ sources { code } }", {"sources": []}, ["code"], []),
    ],
)
def test_a_result_without_a_list_is_one_row(
    text: str, data: JsonObject, columns: list[str], rows: list[list[str]]
) -> None:
    """That of the only object, or of the whole result."""
    table = read(text, data)
    assert (table.columns, table.rows) == (columns, rows)


def test_a_fragment_that_includes_itself_ends() -> None:
    """The gateway refuses it."""
    assert read("{ a { ...F } } fragment F on A { b ...F ...G }", {"a": {"b": 1}}).rows == [["1"]]


@given(st.lists(st.lists(st.text(), min_size=2, max_size=2), max_size=5))
def test_csv_keeps_every_text(names: list[list[str]]) -> None:
    """Separators, quotes and line ends, too."""
    out = io.StringIO()
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("sys.stdout", out)
        printer = choose_printer("{ l { a b } }", None, as_csv=True, as_table=False, rows=None)
        printer.print({"data": {"l": [dict(zip("ab", pair, strict=True)) for pair in names]}}, is_event=False)
    assert list(csv.reader(io.StringIO(out.getvalue(), newline=""))) == [["a", "b"], *names]


def printer_of(text: str, *, as_csv: bool, rows: str | None = None) -> CsvPrinter | TablePrinter:
    printer = choose_printer(text, None, as_csv=as_csv, as_table=not as_csv, rows=rows)
    assert isinstance(printer, CsvPrinter | TablePrinter)
    return printer


def test_events_have_one_header_and_errors_stay_out_of_the_rows(capsys: pytest.CaptureFixture[str]) -> None:
    """Lists that are not shown are named once."""
    printer = printer_of(RATES.replace("query", "subscription"), as_csv=True)
    error = {"message": "no", "extensions": {"code": "RATE_STALE"}}
    printer.print({"data": DATA, "errors": [error]}, is_event=True)
    printer.print({"data": DATA}, is_event=True)
    printer.print({"data": None, "errors": [{"message": "gone"}]}, is_event=True)
    shown = capsys.readouterr()
    header, *lines = shown.out.splitlines()
    assert header == "symbol,source.code,price,old"
    assert lines == 2 * ["BTC/USDT,OKX,0.00000001,12", '"A,""B""/USD",,,0']
    assert shown.err.splitlines() == [
        "ratewire: RATE_STALE: no",
        "ratewire: not shown: rates.unavailable (1); --rows rates.unavailable shows it",
        "ratewire: error: gone",
    ]


def test_a_table_keeps_a_row_on_a_line_in_a_file_and_shows_no_control_characters(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Markup and escape sequences in a name are text; numbers are on the right."""
    printer = printer_of("{ l { name price } }", as_csv=False)
    names = ["[red]x[/red]", "\x1b[31mred\r\n", "x" * 300]
    printer.print({"data": {"l": [{"name": each, "price": "1.5"} for each in names]}}, is_event=False)
    header, _, *lines = [line for line in capsys.readouterr().out.splitlines() if line.strip()]
    assert header.split() == ["name", "price"]
    assert [line.split() for line in lines] == [
        ["[red]x[/red]", "1.5"],
        ["\ufffd[31mred\ufffd\ufffd", "1.5"],
        ["x" * 300, "1.5"],
    ]
    assert len({line.rindex("1.5") for line in lines}) == 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"as_csv": True, "as_table": True, "rows": None}, "expected one of them"),
        ({"as_csv": False, "as_table": False, "rows": "a"}, "expected --csv or --table"),
        ({"as_csv": True, "as_table": False, "rows": "b"}, "expected one of a"),
    ],
)
def test_options_that_contradict_each_other_are_refused(options: JsonObject, message: str) -> None:
    """Before anything is sent."""
    with pytest.raises(typer.BadParameter, match=message):
        choose_printer("{ a { b } }", None, **options)
