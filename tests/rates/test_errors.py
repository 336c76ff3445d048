"""The error tree and its two verdict tables cover each other."""

import re

from rates import errors, verdicts
from rates.errors import leaves


def test_both_tables_have_a_verdict_for_every_leaf_and_for_nothing_else() -> None:
    """A new error cannot be forgotten in either table."""
    expected = set(leaves())
    assert set(verdicts.TASK_VERDICTS) == expected
    assert set(verdicts.GRAPHQL_CODES) == expected


def test_the_tree_drawn_in_the_docstring_is_the_tree() -> None:
    """The drawing names every class of the module, each once."""
    drawn = re.findall(r"[├└]── (\w+)", errors.__doc__ or "")
    defined = [
        name
        for name, value in vars(errors).items()
        if isinstance(value, type) and issubclass(value, errors.RatesError)
    ]
    assert sorted([*drawn, "RatesError"]) == sorted(defined)
