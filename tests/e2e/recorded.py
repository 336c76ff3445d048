"""Read recordings with the simplest code there is: the oracle of the replay tests.

Shares no code with the simulator.
"""

import gzip
import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from email.utils import parsedate_to_datetime
from pathlib import Path

import pytest

RECORDINGS = Path(__file__).resolve().parents[3] / "shared" / "recordings"


def recording(name: str) -> Path:
    """A file of the developers' recordings.

    Skips the test where it is absent, since it cannot be redistributed.
    """
    path = RECORDINGS / name
    if not path.exists():
        pytest.skip(f"the recording {name} is not there: it cannot be redistributed")
    return path


def read_lines(path: Path) -> list[str]:
    """The lines of a compressed file."""
    with gzip.open(path, "rt") as file:
        return list(file)


@dataclass
class Series:
    """One symbol's trades in order, as (event time in ms, price text), and all its best quotes."""

    trades: list[tuple[int, str]] = field(default_factory=list)
    books: set[tuple[str, str]] = field(default_factory=set)


def read_binance(paths: Iterable[Path]) -> tuple[int, dict[str, Series]]:
    """First event time in ms of all files together, and the series by Binance's symbol."""
    parts = (line.partition(" ") for path in paths for line in read_lines(path))
    lines = sorted((int(received), frame) for received, _, frame in parts)
    series: dict[str, Series] = {}
    first: int | None = None
    for _, frame in lines:
        message = json.loads(frame)
        if "stream" not in message:
            continue
        data, kind = message["data"], message["stream"].partition("@")[2]
        first = first or data.get("E")
        if kind == "trade":
            series.setdefault(data["s"], Series()).trades.append((data["E"], data["p"]))
        elif kind == "bookTicker":
            series.setdefault(data["s"], Series()).books.add((data["b"], data["a"]))
    assert first is not None
    return first, series


def read_coingecko(path: Path) -> tuple[float, dict[tuple[str, str], list[tuple[float, str]]]]:
    """Return the first time of all, and the prices in order by coin and currency.

    Times are epoch seconds, prices plain digits. Error responses hold no price.
    """
    answers = []
    for line in read_lines(path):
        answer = json.loads(line)
        if answer["status"] == 200 and answer["uri"].partition("?")[0].rstrip("/").endswith("/simple/price"):
            moment = parsedate_to_datetime(answer["headers"]["date"]).timestamp()
            answers.append((moment, json.loads(answer["body"], parse_float=Decimal, parse_int=Decimal)))
    answers.sort(key=lambda answer: answer[0])
    series: dict[tuple[str, str], list[tuple[float, str]]] = {}
    for moment, body in answers:
        for coin, prices in body.items():
            for currency, price in prices.items():
                series.setdefault((coin, currency), []).append((moment, format(price, "f")))
    return answers[0][0], series
