"""Sizes and durations of a run."""

from dataclasses import dataclass, replace


@dataclass(frozen=True)
class BenchPlan:
    """Sizes and durations of one run. Row names include the sizes."""

    rounds: int
    seconds: float
    subscribers: int
    idle_subscribers: int
    idle_seconds: float
    stalled_seconds: float
    storm_seconds: float
    resumes_per_s: float
    curve_seconds: float
    curve_subscribers: tuple[int, ...]
    curve_symbols: tuple[int, ...]
    curve_clients: tuple[int, ...]
    chart_subscribers: int = 10_000
    ingest_symbols: int = 3_500
    ingest_per_s: int = 10_000


FULL = BenchPlan(
    rounds=3,
    seconds=4,
    subscribers=1_000,
    idle_subscribers=10_000,
    # One full interval of the gateway's pings, which the other servers do not send.
    idle_seconds=30,
    stalled_seconds=18,
    storm_seconds=20,
    resumes_per_s=1_000,
    curve_seconds=2,
    curve_subscribers=(10, 100, 500, 2_000),
    curve_symbols=(1, 10, 100, 500),
    curve_clients=(8, 16, 32, 64, 128),
)
# Of two servers: many short rounds, in which the machine has the same speed for both.
COMPARISON = replace(FULL, rounds=27, seconds=1)
QUICK = BenchPlan(
    rounds=1,
    seconds=2,
    subscribers=200,
    chart_subscribers=1_000,
    idle_subscribers=1_000,
    idle_seconds=4,
    stalled_seconds=8,
    storm_seconds=4,
    resumes_per_s=100,
    curve_seconds=1,
    curve_subscribers=(10, 200),
    curve_symbols=(1, 50, 500),
    curve_clients=(8, 32, 128),
)
QUICK_COMPARISON = replace(QUICK, rounds=2, seconds=0.5)
