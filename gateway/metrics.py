"""Prometheus metrics at `/metrics`, computed from the gateway's state when they are scraped."""

from collections.abc import Iterable, Iterator, Sequence

from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.registry import Collector
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from access.plan import ANONYMOUS, SHIPPED_PLANS
from cache.source_rules import SourceState, SourceStatus
from gateway.budget_metrics import describe_budgets
from gateway.gateway import Gateway
from gateway.history_metrics import describe_history
from gateway.queries.process_states import ProcessState, count_processes
from rates.source import Source

PATH = "/metrics"


class GatewayCollector(Collector):
    """Collects the metrics of a gateway process, its cache connection and the sources."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        # Roles that have reported: one whose last process is gone for a minute still shows that none is left.
        self._roles: set[tuple[Source, str]] = set()

    def collect(self) -> Iterator[Metric]:
        """Yield the metric families with their current values."""
        gateway = self._gateway
        yield gauge("ready", "Whether this process is fit to answer.", gateway.is_ready())
        yield gauge("leaving", "Whether clients are sent elsewhere: Redis is away.", gateway.is_leaving)
        yield GaugeMetricFamily(
            "ratewire_event_loop_lag_seconds",
            "How late timers of this process fired at worst within the last minute.",
            value=gateway.loop_lag.longest_s,
        )
        yield gauge("subscribers", "Subscriptions being served.", len(gateway.registry))
        admission = gateway.admission
        yield gauge("joins_waiting", "New subscriptions that wait for their turn.", admission.waiting)
        yield counter("joins_admitted", "New subscriptions started.", admission.admitted)
        yield counter("joins_refused", "New subscriptions refused: too many at once.", admission.refused)
        limits = gateway.client_limits
        yield gauge("sockets", "WebSockets and streams that are open.", limits.sockets.open)
        yield counter(
            "descriptors_exhausted",
            "Times that it ran out of file descriptors: new connections are closed at once.",
            gateway.descriptors.spells,
        )
        yield gauge("subscriptions", "Subscriptions of clients.", limits.subscriptions.open)
        yield from self._describe_keys()
        live_queries = gateway.live_queries.registry
        yield gauge("live_queries", "Different subscriptions.", len(live_queries))
        yield gauge("live_rates", "Rates in all different subscriptions.", live_queries.rates)
        yield counter("deliveries", "Events delivered to subscriptions.", gateway.registry.deliveries)
        yield self._describe_refusals()
        yield from describe_budgets(gateway.accounts)
        yield gauge("stopping", "Whether this process moves its clients away.", gateway.is_stopping)
        yield gauge("instruments", "Instruments tracked.", len(gateway.catalog.tracked))
        yield gauge(
            "instruments_last_known",
            "Whether the instruments are the last known ones, because the database was away at the start.",
            gateway.last_known is not None and gateway.last_known.read_at is not None,
        )
        yield gauge(
            "instruments_unreadable",
            "Whether the last attempt to read the tracked instruments failed.",
            gateway.instruments_error is not None,
        )
        yield gauge(
            "instruments_held_back",
            "Instruments that are missing in the database and kept, because nobody would remove so many at once.",
            0 if gateway.last_known is None else gateway.last_known.held_back_count,
        )
        yield gauge("cache_connected", "Whether Redis can be seen.", gateway.mirror.disconnected_at is None)
        unexpected = CounterMetricFamily(
            "ratewire_gateway_unexpected_errors",
            "Errors that no code expected. Each restarted the task.",
            labels=("task",),
        )
        for task, count in gateway.unexpected.items():
            unexpected.add_metric((task,), count)
        yield unexpected
        yield self._describe_clocks()
        yield from describe_sources(gateway.rates.sources())
        yield from self._describe_mirrored()

    def _describe_keys(self) -> Iterator[Metric]:
        """Yield the figures of keys, by plan: never by key."""
        gateway = self._gateway
        yield gauge(
            "keys_unconfirmed",
            "Whether keys do not count, because neither Redis nor the database was reached for the grace.",
            gateway.authority.is_cut_off,
        )
        keyed = GaugeMetricFamily(
            "ratewire_gateway_keyed_connections",
            "WebSockets and streams of keys and tokens, by plan.",
            labels=("plan",),
        )
        counts = gateway.keyed_connections.count_by_plan()
        for plan in sorted({*SHIPPED_PLANS, *counts} - {ANONYMOUS}):
            keyed.add_metric((plan,), counts[plan])
        yield keyed
        ended = CounterMetricFamily(
            "ratewire_gateway_keyed_connections_ended",
            "WebSockets and streams that ended with their key, by the cause.",
            labels=("cause",),
        )
        for cause, count in gateway.keyed_connections.ended.items():
            ended.add_metric((cause.name.lower(),), count)
        yield ended

    def _describe_refusals(self) -> CounterMetricFamily:
        limits, live_queries = self._gateway.client_limits, self._gateway.live_queries.registry
        family = CounterMetricFamily(
            "ratewire_gateway_limits_reached",
            "Sockets and subscriptions refused, by the limit that was reached.",
            labels=("limit", "scope"),
        )
        for name, limit in (("sockets", limits.sockets), ("subscriptions", limits.subscriptions)):
            for scope, count in limit.refused.items():
                family.add_metric((name, scope), count)
        family.add_metric(("live_queries", "gateway"), live_queries.refused)
        return family

    def _describe_clocks(self) -> GaugeMetricFamily:
        gateway = self._gateway
        family = GaugeMetricFamily(
            "ratewire_clock_skew_seconds",
            "How far a machine's clock is ahead of the corrected time: this process's, Redis', and of processes that report.",
            labels=("process",),
        )
        family.add_metric(("gateway",), gateway.clock_state.skew.total_seconds())
        if (server_skew := gateway.clock_state.server_skew) is not None:
            family.add_metric(("redis",), server_skew.total_seconds())
        for instance, skew in sorted(gateway.mirror.clock_skews().items()):
            family.add_metric((instance,), skew.total_seconds())
        return family

    def _describe_mirrored(self) -> Iterator[Metric]:
        mirror = self._gateway.mirror
        now = mirror.cache_clock()
        states = GaugeMetricFamily(
            "ratewire_source_processes",
            "Pipeline processes that report on it, by role and state.",
            labels=("source", "role", "state"),
        )
        failing = GaugeMetricFamily(
            "ratewire_source_cache_failing",
            "Pipeline processes that cannot write to the cache.",
            labels=("source",),
        )
        reloads = CounterMetricFamily(
            "ratewire_source_reloads",
            "Times that all its values were read anew from the cache, after an interruption or a gap.",
            labels=("source",),
        )
        for source, mirrored in mirror.sources.items():
            reports = mirrored.reports(now)
            self._roles.update((source, report.role) for report in reports)
            counts = count_processes(reports, now)
            for role in sorted(role for each, role in self._roles if each is source):
                for state in ProcessState:
                    states.add_metric((source.name, role, state.value), counts[role, state])
            failing.add_metric((source.name,), sum(report.cache_error is not None for report in reports))
            reloads.add_metric((source.name,), mirrored.reloads)
        yield states
        yield failing
        yield reloads
        yield from describe_history(
            ((source, mirrored.reports(now)) for source, mirrored in mirror.sources.items()), now
        )


def describe_sources(statuses: Sequence[SourceStatus]) -> Iterator[Metric]:
    """Yield the state and figures of every source, labelled `source`."""
    states = GaugeMetricFamily(
        "ratewire_source_state", "1 for the state it is in.", labels=("source", "state")
    )
    for status in statuses:
        for state in SourceState:
            states.add_metric((status.source.name, state.value), float(status.state is state))
    yield states
    yield by_source("tracked", "Instruments tracked from it.", ((s, s.tracked) for s in statuses))
    yield by_source("seen", "Instruments that it has published.", ((s, s.seen) for s in statuses))
    yield by_source("fresh", "Instruments whose rate is FRESH.", ((s, s.fresh) for s in statuses))
    yield by_source(
        "silent",
        "Instruments that its push feed should tell of and does not.",
        ((s, s.silent_count) for s in statuses),
    )
    yield by_source(
        "suspects",
        "Instruments that may mean another asset than elsewhere.",
        ((s, len(s.suspects)) for s in statuses),
    )
    yield by_source(
        "tickers_per_minute", "Newer rates of the last minute.", ((s, s.tickers_per_minute) for s in statuses)
    )
    yield by_source(
        "lag_seconds",
        "From observation to arrival of the last rate.",
        ((s, s.lag_ms / 1000) for s in statuses if s.lag_ms is not None),
    )
    # Gauges, because they are sums over the running processes: they fall when one of these ends.
    yield by_source("refused", "Values not let in.", ((s, s.refused) for s in statuses))
    yield by_source("reconnects", "Sessions opened after the first.", ((s, s.reconnects) for s in statuses))
    yield by_source(
        "budget_remaining",
        "Calls left in the running window.",
        ((s, s.budget.remaining) for s in statuses if s.budget is not None),
    )


def gauge(name: str, documentation: str, value: float) -> GaugeMetricFamily:
    """Create a gauge of the process."""
    return GaugeMetricFamily(f"ratewire_gateway_{name}", documentation, value=float(value))


def counter(name: str, documentation: str, value: float) -> CounterMetricFamily:
    """Create a counter of the process."""
    return CounterMetricFamily(f"ratewire_gateway_{name}", documentation, value=value)


def by_source(
    name: str, documentation: str, values: Iterable[tuple[SourceStatus, float]]
) -> GaugeMetricFamily:
    """Create a gauge with a value for each source."""
    family = GaugeMetricFamily(f"ratewire_source_{name}", documentation, labels=("source",))
    for status, value in values:
        family.add_metric((status.source.name,), float(value))
    return family


def metrics_route(gateway: Gateway) -> Route:
    """Create the endpoint, which also reports CPU, memory, descriptors and garbage collection."""
    registry = CollectorRegistry(auto_describe=False)
    for build in (ProcessCollector, PlatformCollector, GCCollector):
        build(registry=registry)
    registry.register(GatewayCollector(gateway))

    async def metrics(_request: Request) -> Response:
        return Response(generate_latest(registry), headers={"content-type": CONTENT_TYPE_LATEST})

    return Route(PATH, metrics)
