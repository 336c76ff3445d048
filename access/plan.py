"""Plans: how much a client may use, in points of cost, and the settings that change them.

A point is about a microsecond of the processor (`docs/api/budget.md`). Queries and streams are priced in the same unit.
"""

import json
from math import ceil
from typing import Annotated, Any, NamedTuple, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

ANONYMOUS, STANDARD, UNLIMITED = "anonymous", "standard", "unlimited"
WINDOW_S = 60
# Leases of gateways live for a tenth of the time in which a burst refills.
LEAST_BURST_S = 10
# An Int of GraphQL.
MAX_POINTS = 2 * 10**9


class Plan(NamedTuple):
    """The limits of one key, or of one address without a key. `None` stands for no limit."""

    name: str
    points: int | None
    """Points of queries in each window of `window_s` seconds."""
    window_s: int
    burst: int | None
    """Points that may be spent at once, after a time of rest."""
    stream_points: int | None
    """Points a second of all streams together; beyond it they get one event a second."""
    sockets: int | None
    """WebSockets and streams over HTTP that are open at once on one gateway."""
    subscriptions: int | None
    """Subscriptions that run at once on one gateway."""
    subscriptions_per_socket: int | None
    """Operations that run at once on one WebSocket."""

    def multiplied(self, by: int) -> "Plan":
        """Return the plan of several clients that share their points of queries."""
        points, burst = (None if each is None else each * by for each in (self.points, self.burst))
        return self._replace(points=points, burst=burst)


class PlanLimits(BaseModel):
    """A plan in the settings.

    Limits that are left out keep those of the shipped plan, or there are none.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    points: Annotated[int, Field(ge=1, le=MAX_POINTS)] | None = None
    window_s: Annotated[int, Field(ge=10, le=86_400)] = WINDOW_S
    burst: Annotated[int, Field(ge=1, le=MAX_POINTS)] | None = None
    stream_points: Annotated[int, Field(ge=1, le=MAX_POINTS)] | None = None
    sockets: Annotated[int, Field(ge=0, le=1_000_000)] | None = None
    subscriptions: Annotated[int, Field(ge=0, le=10_000_000)] | None = None
    subscriptions_per_socket: Annotated[int, Field(ge=0, le=1_000_000)] | None = None

    @model_validator(mode="after")
    def _check_burst(self) -> Self:
        if self.points is not None and self.burst is not None:
            least = ceil(self.points * LEAST_BURST_S / self.window_s)
            if self.burst < least:
                raise ValueError(
                    f"burst is {self.burst}: expected at least {least}, the points of {LEAST_BURST_S} seconds"
                )
        return self

    def named(self, name: str) -> Plan:
        """Return the plan. A burst that is not given is the points of a window."""
        burst = self.points if self.burst is None else self.burst
        return Plan(
            name,
            self.points,
            self.window_s,
            None if self.points is None else burst,
            self.stream_points,
            self.sockets,
            self.subscriptions,
            self.subscriptions_per_socket,
        )


SHIPPED = {
    # An office of 250 people behind one address, with four pages each and five subscriptions a page: all of them, opened at once,
    # cost some 8 million points.
    ANONYMOUS: PlanLimits(points=12_000_000, stream_points=2_000_000, sockets=1_000, subscriptions=5_000),
    STANDARD: PlanLimits(points=30_000_000, stream_points=5_000_000, sockets=2_000, subscriptions=20_000),
    UNLIMITED: PlanLimits(),
}


class PlanSettings(BaseSettings):
    """Plans and budgets of clients."""

    model_config = SettingsConfigDict(env_prefix="RATEWIRE_ACCESS_", extra="ignore")

    plans: Annotated[dict[str, PlanLimits], NoDecode] = Field(
        default={},
        description="Plans that differ from the shipped ones (`anonymous`, `standard`, `unlimited`), and further ones, as JSON, e.g. "
        '{"anonymous": {"points": 600000, "stream_points": 20000}}: points per window of `window_s` seconds, `burst`, `stream_points` a second, '
        "`sockets`, `subscriptions`, `subscriptions_per_socket`. What is left out of a shipped plan keeps its value; null stands for no limit.",
    )

    grace_s: float = Field(
        default=60.0,
        ge=0,
        le=86_400,
        description="Seconds for which clients are served while the budgets in Redis cannot be reached: with what was leased before, then with a "
        "quarter of their plan on each gateway. After that they are refused, never served without a limit.",
    )

    @field_validator("plans", mode="before")
    @classmethod
    def _read_plans(cls, value: Any) -> Any:
        if isinstance(value, str):
            try:
                value = json.loads(value or "{}")
            except json.JSONDecodeError as exc:
                raise ValueError(f"expected JSON: {exc}") from exc
        if not isinstance(value, dict):
            raise ValueError("expected a JSON object of plans")  # noqa: TRY004 - pydantic reports it
        return {name: _merge(name, limits) for name, limits in value.items()}

    @property
    def all_plans(self) -> dict[str, Plan]:
        """The plans by name, shipped ones included."""
        return {name: limits.named(name) for name, limits in {**SHIPPED, **self.plans}.items()}


def _merge(name: str, limits: Any) -> PlanLimits:
    """Return the limits of a plan, with those of the shipped plan for what is left out."""
    if isinstance(limits, PlanLimits):
        return limits
    if not isinstance(limits, dict):
        raise ValueError(f"plan {name!r}: expected a JSON object of limits")  # noqa: TRY004 - pydantic reports it
    shipped = SHIPPED[name].model_dump() if name in SHIPPED else {}
    try:
        return PlanLimits(**{**shipped, **limits})
    except ValidationError as exc:
        first = exc.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise ValueError(f"plan {name!r}, {where}: {first['msg']}") from exc


SHIPPED_PLANS = PlanSettings.model_construct().all_plans
"""The plans without any setting, by name."""
