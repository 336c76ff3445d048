"""Plans and their settings."""

import pytest
from pydantic import ValidationError

from access.plan import ANONYMOUS, SHIPPED_PLANS, STANDARD, UNLIMITED, PlanSettings


def test_three_plans_are_shipped() -> None:
    """Anonymous clients have less than those with a key, and `unlimited` has no limit at all."""
    assert set(SHIPPED_PLANS) == {ANONYMOUS, STANDARD, UNLIMITED}
    anonymous, standard = SHIPPED_PLANS[ANONYMOUS], SHIPPED_PLANS[STANDARD]
    assert anonymous.points is not None
    assert standard.points is not None
    assert anonymous.points < standard.points
    unlimited = SHIPPED_PLANS[UNLIMITED]
    assert unlimited.points is unlimited.burst is unlimited.stream_points is unlimited.sockets is None


def test_a_burst_that_is_not_given_is_a_window() -> None:
    """A plan needs only its points."""
    assert SHIPPED_PLANS[ANONYMOUS].burst == SHIPPED_PLANS[ANONYMOUS].points


def test_settings_change_shipped_plans_and_add_others() -> None:
    """Limits left out keep their values; null lifts one; a new plan has what it names."""
    settings = PlanSettings.model_validate(
        {"plans": '{"anonymous": {"points": 600, "sockets": null}, "gold": {"stream_points": 9}}'}
    )
    plans = settings.all_plans
    assert plans[ANONYMOUS].points == 600
    assert plans[ANONYMOUS].sockets is None
    assert plans[ANONYMOUS].subscriptions == SHIPPED_PLANS[ANONYMOUS].subscriptions
    assert plans["gold"].stream_points == 9
    assert plans["gold"].points is None
    assert plans[STANDARD] == SHIPPED_PLANS[STANDARD]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[", "expected JSON"),
        ("[]", "expected a JSON object"),
        ('{"gold": 1}', "plan 'gold'"),
        ('{"gold": {"points": 0}}', "points"),
        ('{"gold": {"point": 1}}', "point"),
    ],
)
def test_settings_that_make_no_sense_are_refused(text: str, expected: str) -> None:
    """The message names the plan and the limit."""
    with pytest.raises(ValidationError, match=expected):
        PlanSettings.model_validate({"plans": text})
