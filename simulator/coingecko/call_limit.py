"""CoinGecko's calls per minute: one call above the limit locks the caller out for a minute.

Measured in 2025 [exchanges.md 2.4]: a few good calls, then 429 for 57 to 59 s, whatever the caller does.
"""

import math
from dataclasses import dataclass

from simulator.client_limit_monitor import ClientLimitMonitor
from simulator.coingecko.errors import rate_limited
from simulator.nanotime import MINUTE, SECOND
from simulator.per_client_lru import PerClientLru

# Without a key, 3 to 6 good calls were measured before each lock-out; with a demo key, 30 are documented.
KEYLESS_CALLS = 4
CALLS_WITH_KEY = 30


@dataclass(slots=True)
class _Window:
    started_ns: int
    calls: int = 0
    locked_until_ns: int = 0


class CallLimit:
    """Calls per minute for each key or address; 0 means no limit, `None` that of the plan."""

    def __init__(self, calls_per_minute: int | None, monitor: ClientLimitMonitor) -> None:
        self._limit = calls_per_minute
        self._monitor = monitor
        self._windows: PerClientLru[_Window] = PerClientLru()

    def spend(self, caller: str, now_ns: int, *, has_key: bool) -> None:
        """Count a call.

        Raises:
            CoinGeckoError: 429 above the limit and during the lock-out.
        """
        limit = self._limit
        if limit is None:
            limit = CALLS_WITH_KEY if has_key else KEYLESS_CALLS
        if limit == 0:
            return
        window = self._windows.get(caller, _Window(now_ns))
        if now_ns < window.locked_until_ns:
            self._monitor.record_violation("locked_out", now_ns, "called again during the lock-out")
            raise rate_limited(math.ceil((window.locked_until_ns - now_ns) / SECOND))
        if now_ns >= window.started_ns + MINUTE or window.locked_until_ns:
            window.started_ns, window.calls, window.locked_until_ns = now_ns, 0, 0
        window.calls += 1
        if window.calls > limit:
            window.locked_until_ns = now_ns + MINUTE
            self._monitor.record_violation("calls_per_minute", now_ns, f"{window.calls} of {limit}")
            raise rate_limited(60)
