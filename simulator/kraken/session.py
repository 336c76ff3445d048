"""Kraken's side of one v2 connection [exchanges.md 3]. Pure text in, text out.

Kraken does not publish its message rate; the figure here is ours. Texts marked (?) are not documented.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from random import Random

from simulator.feed_session import Reply
from simulator.kraken.channels import TICKER_BBO, TICKER_TRADES, TRADE
from simulator.limits import RollingLimit
from simulator.nanotime import MINUTE, SECOND, to_iso
from simulator.send_queue import CloseFrame

TRIGGERS = {"trades": TICKER_TRADES, "bbo": TICKER_BBO}
MESSAGES_PER_SECOND = 50
IDLE = MINUTE
QUIET = SECOND
IDLE_TOO_LONG = CloseFrame(1001, "Idle")


class KrakenSession:
    """The protocol state of one connection."""

    def __init__(self, symbols: AbstractSet[str], opened_ns: int, clock: Callable[[], int]) -> None:
        self._symbols = symbols
        self._clock = clock
        self._rate = RollingLimit(MESSAGES_PER_SECOND, SECOND)
        self._streams: dict[str, None] = {}
        self._connection_id = Random(opened_ns).randrange(1 << 62, 1 << 63)  # noqa: S311 - a number to show

    def on_open(self) -> Sequence[str]:
        """The status message; its connection id exceeds the precision of a double."""
        data = {
            "version": "2.0.10",
            "system": "online",
            "api_version": "v2",
            "connection_id": self._connection_id,
        }
        return (_dump({"channel": "status", "type": "update", "data": [data]}),)

    def receive(self, text: str, now_ns: int) -> Reply:
        """Execute one request."""
        if self._rate.retry_at("", now_ns) is not None:
            return Reply(answers=[_dump({"Error": "Exceeded msg rate"})], violation="messages_per_second")
        started = to_iso(now_ns)
        request = _parse(text)
        match request.get("method"):
            case "ping":
                return Reply.pong(self._answer(request, {"method": "pong"}, started))
            case "subscribe" | "unsubscribe" as method:
                return self._follow(method, request, started)
        error = {"error": "Unsupported method (?)", "method": request.get("method"), "success": False}
        return Reply.of(self._answer(request, error, started))

    def on_timer(self, now_ns: int, *, last_sent_ns: int, last_received_ns: int) -> Reply:
        """Send a heartbeat when nothing else was sent; close an unused connection."""
        if self._streams and now_ns >= last_sent_ns + QUIET:
            return Reply.of('{"channel":"heartbeat"}')
        if not self._streams and now_ns >= max(last_sent_ns, last_received_ns) + IDLE:
            return Reply(close=IDLE_TOO_LONG)
        return Reply()

    def _follow(self, method: str, request: Mapping[str, object], started: str) -> Reply:
        params = request.get("params")
        params = params if isinstance(params, dict) else {}
        prefix = _prefix(params)
        symbols = params.get("symbol")
        if prefix is None or not isinstance(symbols, list):
            error = {"error": "Invalid arguments (?)", "method": method, "success": False}
            return Reply.of(self._answer(request, error, started))
        reply = Reply()
        for symbol in symbols:
            self._follow_one(reply, request, str(symbol), prefix, started)
        return reply

    def _follow_one(
        self, reply: Reply, request: Mapping[str, object], symbol: str, prefix: str, started: str
    ) -> None:
        method = request["method"]
        if symbol not in self._symbols:
            error = f"Currency pair not supported {symbol}"
            refused = {"error": error, "method": method, "success": False, "symbol": symbol}
            reply.answers.append(self._answer(request, refused, started))
            return
        params = request["params"]
        channel = params["channel"] if isinstance(params, dict) else "ticker"
        # Only `ticker` sends its snapshot unasked.
        by_default = channel == "ticker"
        wants_snapshot = not isinstance(params, dict) or params.get("snapshot", by_default) is True
        result = {"channel": channel, "symbol": symbol}
        if method == "subscribe":
            self._streams[prefix + symbol] = None
            reply.subscribed.append(prefix + symbol)
            if not wants_snapshot:
                reply.without_snapshot.add(prefix + symbol)
            shown = {**result, "snapshot": wants_snapshot}
        else:
            self._streams.pop(prefix + symbol, None)
            reply.unsubscribed.append(prefix + symbol)
            shown = dict(result)
        answer = {"method": method, "result": shown, "success": True}
        reply.answers.append(self._answer(request, answer, started))

    def _answer(self, request: Mapping[str, object], body: Mapping[str, object], started: str) -> str:
        answer = {**body, "time_in": started, "time_out": to_iso(self._clock())}
        if "req_id" in request:
            answer["req_id"] = request["req_id"]
        return _dump(answer)


def _prefix(params: Mapping[str, object]) -> str | None:
    """The stream names' prefix of the requested channel; None for an unknown one."""
    match params.get("channel"):
        case "ticker":
            trigger = params.get("event_trigger", "trades")
            return TRIGGERS.get(trigger) if isinstance(trigger, str) else None
        case "trade":
            return TRADE
    return None


def _parse(text: str) -> Mapping[str, object]:
    try:
        request = json.loads(text)
    except ValueError:
        return {}
    return request if isinstance(request, dict) else {}


def _dump(message: object) -> str:
    return json.dumps(message, separators=(",", ":"))
