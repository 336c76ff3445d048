"""Number of generated cases: as given in `make test`, ten times that in `make test-long`."""

import os

TIMES = 10 if os.environ.get("RATEWIRE_TEST_LONG") else 1


def at_length(cases: int) -> int:
    """Return how many cases a test generates, of which `make test` needs `cases`."""
    return cases * TIMES
