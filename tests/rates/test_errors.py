"""The error tree and its two mapping tables are complete."""

import re

from rates import error_mapping, errors
from rates.errors import leaves


def test_both_tables_map_every_leaf_and_nothing_else() -> None:
    """Adding an error class without mapping it fails."""
    expected = set(leaves())
    assert set(error_mapping.TASK_VERDICTS) == expected
    assert set(error_mapping.GRAPHQL_CODES) == expected


def test_the_docstring_draws_the_whole_error_tree() -> None:
    """It names every class of the module exactly once."""
    drawn = re.findall(r"[├└]── (\w+)", errors.__doc__ or "")
    defined = [
        name
        for name, value in vars(errors).items()
        if isinstance(value, type) and issubclass(value, errors.RatesError)
    ]
    assert sorted([*drawn, "RatesError"]) == sorted(defined)
