"""Parts of tests that `make test` leaves to `make test-long`.

Of generated cases it runs a third of those that a test names, of which `make test-long` runs ten times as many. Of parameters it
runs some of each kind.
"""

import os
from collections.abc import Mapping
from itertools import cycle, islice

import pytest

TIMES = 10 if os.environ.get("RATEWIRE_TEST_LONG") else 1
LEAST = 25


def at_length(cases: int) -> int:
    """Return how many of `cases` a test generates.

    A third, but 25 or all if they are fewer; in `make test-long` ten times as many.
    """
    return cases * TIMES if TIMES > 1 else max(cases // 3, min(cases, LEAST))


def only_long(*values: object) -> list[object]:
    """Return values of a parameter for `make test-long` alone.

    `make test` has another one of their kind.
    """
    return [pytest.param(value, marks=pytest.mark.long) for value in values]


def combine(first: Mapping[str, object], second: Mapping[str, object]) -> list[object]:
    """Return all pairs of two parameters, those for `make test-long` marked.

    `make test` has each value of either at least once.
    """
    count = max(len(first), len(second))
    often = set(islice(zip(cycle(first), cycle(second), strict=False), count))
    return [
        pytest.param(
            first[one],
            second[other],
            id=f"{one}-{other}",
            marks=() if (one, other) in often else pytest.mark.long,
        )
        for one in first
        for other in second
    ]
