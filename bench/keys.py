"""Keys and plans of a run.

Clients have keys and budgets that they never spend, or neither.
"""

import asyncio
import json
from datetime import UTC, datetime

from access.api_key import KeySpec
from access.key_store import KeyStore
from instruments.store import InstrumentStore

# Several, as clients of one gateway have; each connection uses one of them.
KEYS = 8
PLAN = "bench"
# The plan of a client that sends a hundred times as much.
GREEDY = "greedy"
# The least burst that a plan may have: it is spent before anything is measured.
GREEDY_LIMITS = {"points": 600_000, "window_s": 60, "burst": 100_000}
# The most that there may be: 33 million points a second for each key.
LIMITED = {
    "points": 2 * 10**9,
    "window_s": 60,
    "stream_points": 2 * 10**9,
    "sockets": 10**6,
    "subscriptions": 10**7,
}
UNLIMITED = {"points": None, "stream_points": None, "sockets": None, "subscriptions": None}
# The load generator reads it; an argument would be in the list of processes.
VARIABLE = "RATEWIRE_BENCH_KEYS"


def create_keys(database_url: str, count: int, plan: str = PLAN) -> tuple[str, ...]:
    """Create keys of a plan in the database of a run, and return their texts."""

    async def create() -> tuple[str, ...]:
        store = InstrumentStore(database_url)
        try:
            keys, now = KeyStore(store), datetime.now(UTC)
            specs = [KeySpec(name=f"Client {number}", plan=plan) for number in range(count)]
            return tuple([(await keys.create(spec, actor="bench", now=now)).text for spec in specs])
        finally:
            await store.close()

    return asyncio.run(create())


def access_settings(*, with_keys: bool) -> dict[str, str]:
    """Return the settings of a gateway: every client needs a key and has a budget, or neither."""
    if not with_keys:
        return {"RATEWIRE_ACCESS_PLANS": json.dumps({"anonymous": UNLIMITED})}
    return {
        "RATEWIRE_ACCESS_PLANS": json.dumps({PLAN: LIMITED, GREEDY: GREEDY_LIMITS}),
        "RATEWIRE_ACCESS_ANONYMOUS": "false",
    }
