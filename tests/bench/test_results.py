"""Medians, ratios, tables, the report and its plots. Whole runs are in `test_bench`."""

from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from bench.environment import Server
from bench.plan import QUICK
from bench.plot import draw
from bench.report import BEGIN, END, write_report
from bench.results import CpuShares, Results, Row
from bench.table import format_number, format_table
from bench.targets import format_targets

MORE = Row("query", "answers/s", goal="≥ 10/s")
LESS = Row("memory", "KB", more_is_better=False)


def test_a_ratio_is_taken_within_a_round() -> None:
    """A round on a machine twice as fast does not change the ratio."""
    results = Results()
    for speed in (1, 2, 1):
        results.add(MORE, Server.RATEWIRE, 300 * speed)
        results.add(MORE, Server.PLAIN, 100 * speed)
    assert results.value(MORE, Server.RATEWIRE) == 300
    assert results.ratio(MORE, Server.PLAIN) == 3


def test_above_one_is_better_also_where_less_is_better() -> None:
    """Half the memory is a ratio of two."""
    results = Results()
    results.add(LESS, Server.RATEWIRE, 20)
    results.add(LESS, Server.PLAIN, 40)
    assert results.ratio(LESS, Server.PLAIN) == 2


def test_a_server_that_was_not_measured_has_no_figure_and_no_ratio() -> None:
    """Its figure and ratio are None."""
    results = Results()
    results.add(MORE, Server.RATEWIRE, 20)
    assert results.value(MORE, Server.BARE) is None
    assert results.ratio(MORE, Server.BARE) is None


def test_the_table_marks_rows_where_the_load_generator_was_the_bottleneck() -> None:
    """A busy load generator with an idle server is marked; with a waiting server it is not."""
    results = Results()
    results.add(MORE, Server.RATEWIRE, 20, CpuShares(server=0.5, waiting=0.0, load=0.99))
    results.add(MORE, Server.PLAIN, 20, CpuShares(server=0.6, waiting=0.4, load=0.99))
    assert format_table(results)[-1].rstrip(" |").endswith("50+0/99 (load-bound) · 60+40/99")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (12345.6, "12,300"),
        (999.6, "1,000"),
        (5.432, "5.43"),
        (0.01234, "0.0123"),
        (0.0, "0"),
        (None, "-"),
        (float("nan"), "-"),
    ],
)
def test_numbers_have_three_significant_digits(value: float | None, text: str) -> None:
    """A shared machine does not give more precision."""
    assert format_number(value) == text


def test_a_run_replaces_only_the_measured_part_of_the_report(tmp_path: Path) -> None:
    """Text before and after the markers stays; the measured plots are written."""
    page = tmp_path / "performance.md"
    page.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n", encoding="utf-8")
    results = Results()
    results.add(MORE, Server.RATEWIRE, 20)
    results.add_point("symbols", Server.RATEWIRE, 1, 0.5)
    for _ in range(2):
        write_report(results, ["machine"], QUICK, tmp_path)
    text = page.read_text(encoding="utf-8")
    assert text.startswith(f"before\n{BEGIN}\n\nmachine\n")
    assert text.endswith(f"{END}\nafter\n")
    assert "\nold\n" not in text
    assert [each.name for each in tmp_path.glob("*.svg")] == ["performance-symbols.svg"]


def test_a_report_without_markers_is_not_changed(tmp_path: Path) -> None:
    """It raises and overwrites nothing."""
    page = tmp_path / "performance.md"
    page.write_text("mine", encoding="utf-8")
    with pytest.raises(ValueError, match="expected the markers"):
        write_report(Results(), [], QUICK, tmp_path)
    assert page.read_text(encoding="utf-8") == "mine"


def test_a_plot_is_well_formed_and_inside_its_frame() -> None:
    """Every point lies inside the frame; zero is left out of a logarithmic axis."""
    svg = draw(
        "a < b",
        "x",
        "y",
        {"one": {1: [3.0, 5.0], 1000: [0.02]}, "two": {10: [7.0], 20: [0.0]}, "none": {1: [0.0]}},
    )
    root = ET.fromstring(svg)
    space = "{http://www.w3.org/2000/svg}"
    circles = [(float(each.attrib["cx"]), float(each.attrib["cy"])) for each in root.iter(f"{space}circle")]
    assert len(circles) == 3
    assert all(0 < x < 640 and 0 < y < 400 for x, y in circles)


def test_targets_are_checked_against_the_figures() -> None:
    """A bound met exactly is met; a ratio to a server that was not measured is not."""
    results = Results()
    query = Row("query", "answers/s", targets=((Server.PLAIN, 90), (Server.BARE, 0.5)))
    memory = Row("memory", "KB", more_is_better=False, targets=((Server.RATEWIRE, 30),))
    late = Row("late", "ms", more_is_better=False, targets=((Server.RATEWIRE, 30),))
    results.add(query, Server.RATEWIRE, 900)
    results.add(query, Server.PLAIN, 10)
    results.add(memory, Server.RATEWIRE, 30)
    results.add(late, Server.RATEWIRE, 31)
    lines = [[cell.strip() for cell in line.strip("|").split("|")] for line in format_targets(results)[2:]]
    assert lines == [
        ["query", "≥ 90.0 x plain Strawberry", "90.0 x plain Strawberry", "met"],
        ["query", "≥ 0.500 x bare limit", "-", "not measured"],
        ["memory", "≤ 30.0 KB", "30.0 KB", "met"],
        ["late", "≤ 30.0 ms", "31.0 ms", "**missed**"],
    ]
