"""Faults of open WebSocket connections: half-open, closed, with an announced shutdown."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

from simulator.client_socket import ClientSocket
from simulator.faults.active_faults import ActiveFaults
from simulator.faults.fault import Fault
from simulator.nanotime import HOUR, SECOND, to_iso, to_ms
from simulator.send_queue import CloseFrame
from simulator.sources import BINANCE, KRAKEN

NO_CLOSE_FRAME = 1006
SERVICE_RESTART = CloseFrame(1001, "Going away")


@dataclass(eq=False, slots=True)
class OpenConnection:
    """One client's connection.

    `service` is the endpoint's name, `combined` whether Binance wraps its payloads.
    """

    source: str
    service: str
    socket: ClientSocket
    opened_ns: int
    combined: bool
    cut_at_ns: int | None = None
    is_greeted: bool = False
    advisory_id: int | None = None


class OpenConnections:
    """All open connections; `on_timer` is called regularly."""

    def __init__(self, active_faults: ActiveFaults) -> None:
        self._active_faults = active_faults
        self._connections: set[OpenConnection] = set()
        active_faults.on_change.append(self._on_change)

    @contextmanager
    def track(self, connection: OpenConnection) -> Iterator[None]:
        """Track a connection while it is served."""
        self._connections.add(connection)
        self._check(connection, self._active_faults.clock())
        try:
            yield
        finally:
            self._connections.discard(connection)

    def on_timer(self, now_ns: int) -> None:
        """Apply what is due: announced shutdowns, disconnects by age, silence for new connections."""
        for connection in tuple(self._connections):
            self._check(connection, now_ns)

    def _check(self, connection: OpenConnection, now_ns: int) -> None:
        if connection.cut_at_ns is not None and now_ns >= connection.cut_at_ns:
            connection.cut_at_ns = None
            connection.socket.send_queue.close(SERVICE_RESTART)
        faults = self._active_faults.for_source(connection.source)
        connection.socket.answers_pings = all(fault.kind != "no-pongs" for fault in faults)
        ignoring = next((fault for fault in faults if fault.kind == "ignored-requests"), None)
        connection.socket.ignores = None if ignoring is None else partial(_ignores, ignoring)
        self._advise(connection)
        for fault in tuple(faults):
            if fault.kind == "silence" and fault.parameters["scope"] == "all":
                connection.socket.is_half_open = True
            if fault.kind == "disconnect" and (every := fault.number("every_s")):
                begun_ns = max(connection.opened_ns, fault.since_ns)
                if now_ns >= begun_ns + int(every * SECOND):
                    _cut(connection, fault)

    def _advise(self, connection: OpenConnection) -> None:
        """Send Kraken's advisories and their end.

        Never before the connection's first status message.
        """
        if connection.source != KRAKEN or not connection.is_greeted:
            connection.is_greeted = True
            return
        fault = self._active_faults.find(KRAKEN, "advisory")
        advisory_id = None if fault is None else fault.id
        if advisory_id == connection.advisory_id:
            return
        connection.advisory_id = advisory_id
        if fault is not None:
            fault.record_hit()
        connection.socket.send_queue.try_enqueue(_advisory(fault, self._active_faults.clock()))

    def _on_change(self, fault: Fault, active: bool) -> None:
        for connection in tuple(self._connections):
            if connection.source == fault.source:
                if active:
                    self._apply(connection, fault)
                self._check(connection, self._active_faults.clock())

    def _apply(self, connection: OpenConnection, fault: Fault) -> None:
        match fault.kind:
            case "silence":
                # Permanent: a half-open connection never recovers.
                fault.record_hit()
                connection.socket.is_half_open = True
            case "disconnect" if not fault.number("every_s"):
                _cut(connection, fault)
            case "shutdown":
                fault.record_hit()
                now_ns = self._active_faults.clock()
                connection.cut_at_ns = now_ns + int(fault.number("cut_after_s") * SECOND)
                connection.socket.send_queue.try_enqueue(_announcement(connection, now_ns))


def _cut(connection: OpenConnection, fault: Fault) -> None:
    fault.record_hit()
    code = int(fault.number("code"))
    if code == NO_CLOSE_FRAME:
        connection.socket.transport.abort()
    else:
        connection.socket.send_queue.close(CloseFrame(code, "Simulated fault"))


def _ignores(fault: Fault, size: int) -> bool:
    if size <= fault.number("max_bytes"):
        return False
    fault.record_hit()
    return True


def _advisory(fault: Fault | None, now_ns: int) -> str:
    """Kraken's status with its advisory lists [docs.kraken.com, Get System Status.

    The entries' fields are ours].
    """
    form = None if fault is None else fault.parameters["form"]
    begins_ns = now_ns if fault is None else fault.since_ns + int(fault.number("begins_in_s") * SECOND)
    maintenance = {
        "name": "Scheduled maintenance of the spot trading engine",
        "scheduled_for": to_iso(begins_ns),
        "scheduled_until": to_iso(begins_ns + HOUR),
    }
    incident = {"name": "Delayed market data on spot markets", "status": "investigating", "impact": "major"}
    data = {
        "version": "2.0.10",
        "system": "online",
        "api_version": "v2",
        "connection_id": 1,
        "upcoming_maintenance": [maintenance] if form == "maintenance" else [],
        "emergency": [incident] if form == "emergency" else [],
    }
    return json.dumps({"channel": "status", "type": "update", "data": [data]})


def _announcement(connection: OpenConnection, now_ns: int) -> str:
    """The source's shutdown notice [Binance: exchanges.md 1.4.

    OKX: notice 64008; Kraken: status channel].
    """
    if connection.source == BINANCE:
        event = {"e": "serverShutdown", "E": to_ms(now_ns)}
        if connection.service == "ws-api":
            return json.dumps({"event": event})
        return json.dumps({"stream": "!serverShutdown", "data": event} if connection.combined else event)
    if connection.source == KRAKEN:
        data = {"version": "2.0.10", "system": "maintenance", "api_version": "v2", "connection_id": 1}
        return json.dumps({"channel": "status", "type": "update", "data": [data]})
    said = "The connection will soon be closed for a service upgrade. Please reconnect."
    return json.dumps({"event": "notice", "code": "64008", "msg": said, "connId": "a4d3ae55"})
