"""CoinGecko's calls per minute: one call above the limit locks the caller out for a minute.

Measured in 2025 [exchanges.md 2.4]: a few good calls, then 429 for 57 to 59 s, whatever the caller does.
"""

import math
from dataclasses import dataclass

from simulator.client_limit_monitor import ClientLimitMonitor
from simulator.coingecko.errors import rate_limited
from simulator.nanotime import MINUTE, SECOND
from simulator.per_client_lru import PerClientLru


@dataclass(slots=True)
class _Window:
    started_ns: int
    calls: int = 0
    locked_until_ns: int = 0


class CallLimit:
    """Calls per minute for each key or address; 0 means no limit."""

    def __init__(self, calls_per_minute: int, monitor: ClientLimitMonitor) -> None:
        self._limit = calls_per_minute
        self._monitor = monitor
        self._windows: PerClientLru[_Window] = PerClientLru()

    def spend(self, caller: str, now_ns: int) -> None:
        """Count a call.

        Raises:
            CoinGeckoError: 429 above the limit and during the lock-out.
        """
        if not self._limit:
            return
        window = self._windows.get(caller, _Window(now_ns))
        if now_ns < window.locked_until_ns:
            self._monitor.record_violation("locked_out", now_ns, "called again during the lock-out")
            raise rate_limited(math.ceil((window.locked_until_ns - now_ns) / SECOND))
        if now_ns >= window.started_ns + MINUTE or window.locked_until_ns:
            window.started_ns, window.calls, window.locked_until_ns = now_ns, 0, 0
        window.calls += 1
        if window.calls > self._limit:
            window.locked_until_ns = now_ns + MINUTE
            self._monitor.record_violation("calls_per_minute", now_ns, f"{window.calls} of {self._limit}")
            raise rate_limited(60)
