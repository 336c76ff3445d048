"""What is made of the figures: medians, ratios, the table, the page and its plots. Whole runs are in `test_bench`."""

from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from bench.figures import Figures, Row, Shares
from bench.page import BEGIN, END, write_page
from bench.plan import QUICK
from bench.plot import draw
from bench.stage import Server
from bench.table import format_number, format_table
from bench.verdicts import format_verdicts

MORE = Row("query", "answers/s", target="≥ 10/s")
LESS = Row("memory", "KB", more_is_better=False)


def test_a_ratio_is_taken_within_a_round() -> None:
    """A machine that ran twice as fast in one of the rounds leaves the ratio alone."""
    figures = Figures()
    for speed in (1, 2, 1):
        figures.add(MORE, Server.RATEWIRE, 300 * speed)
        figures.add(MORE, Server.PLAIN, 100 * speed)
    assert figures.value(MORE, Server.RATEWIRE) == 300
    assert figures.ratio(MORE, Server.PLAIN) == 3


def test_above_one_is_better_also_where_less_is_better() -> None:
    """Half the memory is a ratio of two."""
    figures = Figures()
    figures.add(LESS, Server.RATEWIRE, 20)
    figures.add(LESS, Server.PLAIN, 40)
    assert figures.ratio(LESS, Server.PLAIN) == 2


def test_a_server_that_was_not_measured_has_no_figure_and_no_ratio() -> None:
    """Nothing is made up for it."""
    figures = Figures()
    figures.add(MORE, Server.RATEWIRE, 20)
    assert figures.value(MORE, Server.BARE) is None
    assert figures.ratio(MORE, Server.BARE) is None


def test_the_table_says_when_the_load_generator_was_the_limit() -> None:
    """A busy load generator and a server with time to spare measure the load generator."""
    figures = Figures()
    figures.add(MORE, Server.RATEWIRE, 20, Shares(server=0.5, waiting=0.0, load=0.99))
    figures.add(MORE, Server.PLAIN, 20, Shares(server=0.6, waiting=0.4, load=0.99))
    assert format_table(figures)[-1].rstrip(" |").endswith("50+0/99 (load-bound) · 60+40/99")


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
def test_numbers_have_three_digits_that_mean_something(value: float | None, text: str) -> None:
    """More would pretend to a precision that a shared machine does not have."""
    assert format_number(value) == text


def test_a_run_replaces_only_its_own_part_of_the_page(tmp_path: Path) -> None:
    """What people wrote before and after it stays; plots that were measured are drawn."""
    page = tmp_path / "performance.md"
    page.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n", encoding="utf-8")
    figures = Figures()
    figures.add(MORE, Server.RATEWIRE, 20)
    figures.add_point("symbols", Server.RATEWIRE, 1, 0.5)
    for _ in range(2):
        write_page(figures, ["machine"], QUICK, tmp_path)
    text = page.read_text(encoding="utf-8")
    assert text.startswith(f"before\n{BEGIN}\n\nmachine\n")
    assert text.endswith(f"{END}\nafter\n")
    assert "old" not in text
    assert [each.name for each in tmp_path.glob("*.svg")] == ["performance-symbols.svg"]


def test_a_page_without_marks_is_left_alone(tmp_path: Path) -> None:
    """There is no place to write to, and nothing is overwritten."""
    page = tmp_path / "performance.md"
    page.write_text("mine", encoding="utf-8")
    with pytest.raises(ValueError, match="expected the marks"):
        write_page(Figures(), [], QUICK, tmp_path)
    assert page.read_text(encoding="utf-8") == "mine"


def test_a_plot_is_well_formed_and_stays_inside_its_frame() -> None:
    """Every point of every line lies between the edges; figures of zero have no place on a logarithmic axis."""
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


def test_a_demand_is_judged_by_the_figures() -> None:
    """Met exactly is met; a ratio to a server that was not measured is no success."""
    figures = Figures()
    query = Row("query", "answers/s", demands=((Server.PLAIN, 90), (Server.BARE, 0.5)))
    memory = Row("memory", "KB", more_is_better=False, demands=((Server.RATEWIRE, 30),))
    late = Row("late", "ms", more_is_better=False, demands=((Server.RATEWIRE, 30),))
    figures.add(query, Server.RATEWIRE, 900)
    figures.add(query, Server.PLAIN, 10)
    figures.add(memory, Server.RATEWIRE, 30)
    figures.add(late, Server.RATEWIRE, 31)
    lines = [[cell.strip() for cell in line.strip("|").split("|")] for line in format_verdicts(figures)[2:]]
    assert lines == [
        ["query", "≥ 90.0 x plain Strawberry", "90.0 x plain Strawberry", "reached"],
        ["query", "≥ 0.500 x bare limit", "-", "not measured"],
        ["memory", "≤ 30.0 KB", "30.0 KB", "reached"],
        ["late", "≤ 30.0 ms", "31.0 ms", "**not reached**"],
    ]
