"""All scenarios, by name."""

from collections.abc import Mapping
from typing import NamedTuple

from bench.environment import Server
from bench.scenarios.charts import measure_candles, measure_charts
from bench.scenarios.deliveries import (
    measure_half_load,
    measure_lists,
    measure_same,
    measure_subscribers,
)
from bench.scenarios.hostile import measure_hostile
from bench.scenarios.ingest import measure_ingest
from bench.scenarios.many_clients import measure_burst, measure_idle, measure_stalled, measure_storm
from bench.scenarios.proxy import measure_behind_nginx
from bench.scenarios.queries import (
    measure_clients,
    measure_heads,
    measure_new_variables,
    measure_queries,
    measure_symbols,
)
from bench.scenarios.resumes import measure_resumes
from bench.scenarios.scenario import Scenario
from bench.scenarios.workers import measure_workers

SYMBOLS = 500
ALL = (Server.RATEWIRE, Server.PLAIN, Server.BARE)
PEERS = (Server.RATEWIRE, Server.PLAIN)
SOCKETS = (Server.RATEWIRE, Server.PLAIN, Server.BARE, Server.ASGI)
# With `--peers`.
WITH_NODE = ("queries", "heads", "new", "same", "lists", "half", "burst")


class Entry(NamedTuple):
    """A scenario, its servers in their order, and its number of instruments (0: as in the plan)."""

    measure: Scenario
    servers: tuple[Server, ...]
    symbols: int


SCENARIOS: dict[str, Entry] = {
    "queries": Entry(measure_queries, ALL, SYMBOLS),
    "heads": Entry(measure_heads, ALL, SYMBOLS),
    "new": Entry(measure_new_variables, ALL, SYMBOLS),
    "nginx": Entry(measure_behind_nginx, (Server.RATEWIRE,), SYMBOLS),
    "same": Entry(measure_same, SOCKETS, SYMBOLS),
    "lists": Entry(measure_lists, ALL, SYMBOLS),
    "half": Entry(measure_half_load, ALL, SYMBOLS),
    "burst": Entry(measure_burst, (Server.RATEWIRE, Server.BARE, Server.ASGI), SYMBOLS),
    "idle": Entry(measure_idle, ALL, SYMBOLS),
    "storm": Entry(measure_storm, (Server.RATEWIRE, Server.BARE), SYMBOLS),
    "resumes": Entry(measure_resumes, (Server.RATEWIRE,), SYMBOLS),
    "stalled": Entry(measure_stalled, PEERS, SYMBOLS),
    "hostile": Entry(measure_hostile, (Server.RATEWIRE,), SYMBOLS),
    "ingest": Entry(measure_ingest, ALL, 0),
    "candles": Entry(measure_candles, (Server.RATEWIRE,), SYMBOLS),
    "charts": Entry(measure_charts, (Server.RATEWIRE,), SYMBOLS),
    "workers": Entry(measure_workers, (Server.RATEWIRE,), SYMBOLS),
    "symbols": Entry(measure_symbols, ALL, SYMBOLS),
    "clients": Entry(measure_clients, ALL, SYMBOLS),
    "subscribers": Entry(measure_subscribers, ALL, SYMBOLS),
}


def with_node_peers(scenarios: Mapping[str, Entry]) -> dict[str, Entry]:
    """Return the scenarios with the peers that run on Node, where those are measured."""
    return {
        name: entry._replace(servers=(*entry.servers, Server.MERCURIUS)) if name in WITH_NODE else entry
        for name, entry in scenarios.items()
    }


CURVES = ("symbols", "clients", "subscribers")
