"""Results of one run of a load generator."""

from dataclasses import dataclass

from bench.results import CpuShares


@dataclass(frozen=True)
class QueryMeasurement:
    """Result of a run of `queries.c`."""

    per_s: float
    p50_ms: float
    p99_ms: float
    shares: CpuShares


@dataclass(frozen=True)
class SteadyQueries:
    """Result of a run of `queries.c` at a steady rate: of each request, in milliseconds."""

    latencies_ms: list[float]
    """From when it was due until it was read."""
    served_ms: list[float]
    """From when it was sent until the kernel had the answer."""
    shares: CpuShares


@dataclass(frozen=True)
class SubscriptionMeasurement:
    """Result of a run of `subscribers.c`."""

    per_s: float
    items_per_s: float
    connects_per_s: float
    connect_shares: CpuShares
    kb_per_connection: float
    growth_mb: float
    p50_ms: float
    p99_ms: float
    shares: CpuShares


@dataclass(frozen=True)
class Phase:
    """Server CPU per client, rate, and latency of the other subscribers in one phase of a storm."""

    us_each: float
    per_s: float
    p99_ms: float


@dataclass(frozen=True)
class Storm:
    """Result of many clients that connect within seconds and disconnect at once."""

    join: Phase
    leave: Phase


@dataclass(frozen=True)
class Resumes:
    """Result of resuming clients, and the latency of the others before and meanwhile."""

    per_s: float
    mean_ms: float
    us_each: float
    steady_p99_ms: float
    p99_ms: float
