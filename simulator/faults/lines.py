"""The open connections as faults see them: made deaf, cut, told of an end."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from simulator.connection import ClientSocket, Close
from simulator.faults.board import FaultBoard
from simulator.faults.fault import Fault
from simulator.moments import SECOND, to_ms
from simulator.sources import BINANCE, KRAKEN

NO_CLOSE_FRAME = 1006
SERVICE_RESTART = Close(1001, "Going away")


@dataclass(eq=False, slots=True)
class Line:
    """One client's connection. `service` is the name of the door, `combined` whether Binance wraps its payloads."""

    source: str
    service: str
    socket: ClientSocket
    opened_ns: int
    combined: bool
    cut_at_ns: int | None = None


class Lines:
    """All of them. `attend` is called from time to time."""

    def __init__(self, board: FaultBoard) -> None:
        self._board = board
        self._lines: set[Line] = set()
        board.on_change.append(self._hear)

    @contextmanager
    def open(self, line: Line) -> Iterator[None]:
        """Count a connection in while it is served."""
        self._lines.add(line)
        self._attend(line, self._board.clock())
        try:
            yield
        finally:
            self._lines.discard(line)

    def attend(self, now_ns: int) -> None:
        """What is due now: ends that were announced, cuts at an age, new connections that shall be deaf, too."""
        for line in tuple(self._lines):
            self._attend(line, now_ns)

    def _attend(self, line: Line, now_ns: int) -> None:
        if line.cut_at_ns is not None and now_ns >= line.cut_at_ns:
            line.cut_at_ns = None
            line.socket.outbox.close(SERVICE_RESTART)
        faults = self._board.of(line.source)
        line.socket.answers_pings = all(fault.kind != "no-pongs" for fault in faults)
        for fault in tuple(faults):
            if fault.kind == "silence" and fault.parameters["scope"] == "all":
                line.socket.deaf = True
            if fault.kind == "disconnect" and (every := fault.number("every_s")):
                begun_ns = max(line.opened_ns, fault.since_ns)
                if now_ns >= begun_ns + int(every * SECOND):
                    _cut(line, fault)

    def _hear(self, fault: Fault, put: bool) -> None:
        for line in tuple(self._lines):
            if line.source == fault.source:
                if put:
                    self._strike(line, fault)
                self._attend(line, self._board.clock())

    def _strike(self, line: Line, fault: Fault) -> None:
        match fault.kind:
            case "silence":
                # For good: a half-open connection does not come back to life.
                fault.hit()
                line.socket.deaf = True
            case "disconnect" if not fault.number("every_s"):
                _cut(line, fault)
            case "shutdown":
                fault.hit()
                now_ns = self._board.clock()
                line.cut_at_ns = now_ns + int(fault.number("cut_after_s") * SECOND)
                line.socket.outbox.offer(_announcement(line, now_ns))


def _cut(line: Line, fault: Fault) -> None:
    fault.hit()
    code = int(fault.number("code"))
    if code == NO_CLOSE_FRAME:
        line.socket.transport.abort()
    else:
        line.socket.outbox.close(Close(code, "Simulated fault"))


def _announcement(line: Line, now_ns: int) -> str:
    """What the source says before it goes [Binance: exchanges.md 1.4; OKX: its notice 64008; Kraken: its status channel]."""
    if line.source == BINANCE:
        event = {"e": "serverShutdown", "E": to_ms(now_ns)}
        if line.service == "ws-api":
            return json.dumps({"event": event})
        return json.dumps({"stream": "!serverShutdown", "data": event} if line.combined else event)
    if line.source == KRAKEN:
        data = {"version": "2.0.10", "system": "maintenance", "api_version": "v2", "connection_id": 1}
        return json.dumps({"channel": "status", "type": "update", "data": [data]})
    said = "The connection will soon be closed for a service upgrade. Please reconnect."
    return json.dumps({"event": "notice", "code": "64008", "msg": said, "connId": "a4d3ae55"})
