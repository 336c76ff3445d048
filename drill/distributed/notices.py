"""Conditions on what the monitor sees: the places where a fault is visible.

Each returns the words for the report, or None while there is nothing to see.
"""

import re
from collections.abc import Callable, Sequence

from drill.distributed.monitor import Monitor
from drill.distributed.ratewire_process import HEARTBEAT_AGE_S
from drill.distributed.system import GATEWAYS
from rates.source import Source
from runtime.clock.clock_state import NAMED_FROM_S

Notice = Callable[[Monitor], str | None]

REASON_CHARS = 110


def reason(source: Source, pattern: str, *, on: Sequence[str] = GATEWAYS) -> Notice:
    """The source is not UP on one of these gateways, and its reason contains the pattern."""

    def look(monitor: Monitor) -> str | None:
        for name in on:
            facts = monitor.views[name].facts
            if not facts:
                continue
            seen = facts["sources"][source.name]
            if seen["state"] != "UP" and re.search(pattern, seen["reason"] or ""):
                return f"`sources`: {source.name} {seen['state']}, “{_shorten(seen['reason'] or '')}”"
        return None

    return look


def not_ready(gateway: str) -> Notice:
    """The gateway answers 503 at `/health/ready`."""
    return lambda monitor: (
        f"`/health/ready` of {gateway}: 503" if monitor.views[gateway].status == 503 else None
    )


def no_answer(gateway: str) -> Notice:
    """The gateway does not answer at `/health/ready`."""

    def look(monitor: Monitor) -> str | None:
        view = monitor.views[gateway]
        return f"`/health/ready` of {gateway}: no answer" if view.at and view.status is None else None

    return look


def own_skew(gateway: str) -> Notice:
    """The gateway shows that its own clock is off."""
    return _skew(gateway, "skewMs", "`clock` in `/health/ready` of")


def redis_skew(gateway: str) -> Notice:
    """The gateway shows that Redis' clock is off."""
    return _skew(gateway, "redisSkewMs", "Redis in `clock` in `/health/ready` of")


def catalog_error(gateway: str) -> Notice:
    """The gateway shows that it cannot read the tracked instruments."""

    def look(monitor: Monitor) -> str | None:
        facts = monitor.views[gateway].facts
        error = facts["catalog"]["error"] if facts else None
        return f"`catalog` in `/health/ready` of {gateway}: “{_shorten(error)}”" if error else None

    return look


def cache_reloaded(gateway: str) -> Notice:
    """The gateway has lost its subscription to the cache, or has loaded the cache anew."""

    def look(monitor: Monitor) -> str | None:
        facts, before = monitor.views[gateway].facts, monitor.before[gateway].facts
        if not facts or not before:
            return None
        if not facts["cache"]["connected"]:
            return f"`cache` in `/health/ready` of {gateway}: not connected"
        return (
            f"`cache` in `/health/ready` of {gateway}: reloaded"
            if facts["cache"]["reloads"] > before["cache"]["reloads"]
            else None
        )

    return look


def heartbeat_old(process: str) -> Notice:
    """The health check of the process fails."""

    def look(monitor: Monitor) -> str | None:
        age_s = monitor.system.processes[process].heartbeat_age_s()
        return (
            f"health check of {process}: no heartbeat for {HEARTBEAT_AGE_S:g} s"
            if age_s is not None and age_s > HEARTBEAT_AGE_S
            else None
        )

    return look


def logged(process: str, text: str) -> Notice:
    """The process has logged the text since the fault."""

    def look(monitor: Monitor) -> str | None:
        found = text in monitor.system.processes[process].read_log_since_mark()
        return f"log of {process}: “{text}”" if found else None

    return look


def process_ended(process: str) -> Notice:
    """The process has ended, which its supervisor sees."""
    return lambda monitor: (
        None if monitor.system.processes[process].is_running else f"{process} has ended (its supervisor)"
    )


def queries_fail(monitor: Monitor) -> str | None:
    """Clients get no answers."""
    return "clients: queries fail" if monitor.clients.seen.failed else None


def subscriptions_end(monitor: Monitor) -> str | None:
    """Clients lose their connections."""
    return "clients: subscriptions end" if monitor.clients.seen.ended else None


def clients_moved(monitor: Monitor) -> str | None:
    """Clients lost their connections, and all of them have events again."""
    return (
        "clients: all subscribers are elsewhere"
        if monitor.clients.seen.ended and monitor.clients.all_heard_lately()
        else None
    )


def clients_silent(monitor: Monitor) -> str | None:
    """Some subscriber misses the heartbeats that it asked for."""
    return None if monitor.clients.all_heard_lately() else "clients: no heartbeat for 4 s"


def _skew(gateway: str, field: str, where: str) -> Notice:
    def look(monitor: Monitor) -> str | None:
        facts = monitor.views[gateway].facts
        skew_ms = facts["clock"][field] if facts else None
        if skew_ms is None or abs(skew_ms) < NAMED_FROM_S * 1000:
            return None
        return f"{where} {gateway}: {skew_ms / 1000:+.0f} s"

    return look


def _shorten(text: str) -> str:
    return text if len(text) <= REASON_CHARS else text[: REASON_CHARS - 1] + "…"
