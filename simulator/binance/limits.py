"""Binance's limits per client address: request weight, bans, messages per second.

Pure: time is an argument, and callers decide how to refuse.
"""

from collections import deque
from dataclasses import dataclass

from simulator.binance.errors import BinanceError, banned, too_much_weight
from simulator.client_limit_monitor import ClientLimitMonitor
from simulator.nanotime import MINUTE, SECOND, to_ms
from simulator.per_client_lru import PerClientLru

LONGEST_BAN = 3 * 24 * 60 * MINUTE
ATTEMPTS_WINDOW = 5 * MINUTE


@dataclass(slots=True)
class _Usage:
    minute: int = 0
    weight: int = 0
    refusals: int = 0
    bans: int = 0
    banned_until_ns: int = 0


class RequestWeightLimit:
    """6000 per wall-clock minute and address.

    Requests after 429 lead to a ban (418), longer each time.
    """

    def __init__(
        self,
        limit: int,
        refusals_before_ban: int,
        ban_seconds: float,
        monitor: ClientLimitMonitor | None = None,
    ) -> None:
        self.limit = limit
        self._monitor = monitor or ClientLimitMonitor()
        self._refusals_before_ban = refusals_before_ban
        self._ban = int(ban_seconds * SECOND)
        self._usage: PerClientLru[_Usage] = PerClientLru()

    def spend(self, address: str, weight: int, now_ns: int) -> None:
        """Count a request.

        Raises:
            BinanceError: 429 past the limit, 418 while banned.
        """
        usage = self._usage_now(address, now_ns)
        usage.weight += weight
        if usage.weight <= self.limit:
            return
        usage.refusals += 1
        self._monitor.record_violation("weight_per_minute", now_ns, f"{usage.weight} of {self.limit}")
        if usage.refusals > self._refusals_before_ban:
            raise self._start_ban(usage, now_ns)
        raise too_much_weight(self.limit, to_ms((usage.minute + 1) * MINUTE))

    def used(self, address: str, now_ns: int) -> int:
        """The weight used in the minute of `now_ns`."""
        usage = self._usage.get(address, _Usage())
        return usage.weight if usage.minute == now_ns // MINUTE else 0

    def _usage_now(self, address: str, now_ns: int) -> _Usage:
        usage = self._usage.get(address, _Usage())
        if now_ns < usage.banned_until_ns:
            self._monitor.record_violation("ban", now_ns, "went on while banned")
            raise banned(to_ms(usage.banned_until_ns))
        if usage.minute != now_ns // MINUTE:
            usage.minute, usage.weight, usage.refusals = now_ns // MINUTE, 0, 0
        return usage

    def _start_ban(self, usage: _Usage, now_ns: int) -> BinanceError:
        usage.banned_until_ns = now_ns + min(self._ban << min(usage.bans, 30), LONGEST_BAN)
        usage.bans += 1
        self._monitor.bans += 1
        usage.refusals = 0
        return banned(to_ms(usage.banned_until_ns))


class MessageRateLimit:
    """Five incoming messages in any second, counting pings, pongs and JSON."""

    def __init__(self, limit: int) -> None:
        self._recent: deque[int] = deque(maxlen=limit)

    def allows(self, now_ns: int) -> bool:
        """Count a message; return False if it exceeds the limit."""
        recent = self._recent
        full = len(recent) == recent.maxlen and recent[0] > now_ns - SECOND
        recent.append(now_ns)
        return not full
