"""All scenarios, by name."""

from bench.environment import Server
from bench.scenarios.deliveries import measure_lists, measure_same, measure_subscribers
from bench.scenarios.ingest import measure_ingest
from bench.scenarios.many_clients import measure_idle, measure_stalled, measure_storm
from bench.scenarios.queries import measure_clients, measure_queries, measure_symbols
from bench.scenarios.scenario import Scenario
from bench.scenarios.workers import measure_workers

SYMBOLS = 500
ALL = tuple(Server)
PEERS = (Server.RATEWIRE, Server.PLAIN)
SCENARIOS: dict[str, tuple[Scenario, tuple[Server, ...], int]] = {
    # name: function, servers, number of instruments (0: as in the plan)
    "queries": (measure_queries, ALL, SYMBOLS),
    "same": (measure_same, ALL, SYMBOLS),
    "lists": (measure_lists, ALL, SYMBOLS),
    "idle": (measure_idle, ALL, SYMBOLS),
    "storm": (measure_storm, (Server.RATEWIRE, Server.BARE), SYMBOLS),
    "stalled": (measure_stalled, PEERS, SYMBOLS),
    "ingest": (measure_ingest, ALL, 0),
    "workers": (measure_workers, (Server.RATEWIRE,), SYMBOLS),
    "symbols": (measure_symbols, ALL, SYMBOLS),
    "clients": (measure_clients, ALL, SYMBOLS),
    "subscribers": (measure_subscribers, ALL, SYMBOLS),
}
CURVES = ("symbols", "clients", "subscribers")
