"""Bybit's side of one public spot connection [exchanges.md 6]. Pure text in, text out.

Unconfirmed: one invalid topic fails the whole request; the text of the answer to more than ten topics.
"""

import json
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet

from simulator.bybit.channels import BOOK, TICKERS, TRADES
from simulator.feed_session import Reply
from simulator.nanotime import MINUTE
from simulator.send_queue import CloseFrame

MOST_ARGUMENTS = 10
IDLE = 10 * MINUTE
IDLE_TOO_LONG = CloseFrame(1001, "Idle")
PREFIX = "bybit:"
CHANNELS = (TICKERS, BOOK, TRADES)


class BybitSession:
    """The protocol state of one connection."""

    def __init__(self, symbols: AbstractSet[str], opened_ns: int) -> None:
        self._symbols = symbols
        self._connection_id = f"{opened_ns & 0xFFFFFFFFFFFF:012x}"

    def on_open(self) -> Sequence[str]:
        """Bybit sends nothing first."""
        return ()

    def receive(self, text: str, now_ns: int) -> Reply:  # noqa: ARG002 - the port's
        """Execute one request."""
        request = _parse(text)
        match request.get("op"):
            case "ping":
                return Reply.pong(self._answer(request, "pong", success=True))
            case "subscribe" | "unsubscribe":
                return self._follow(request)
        return Reply.of(self._answer(request, "Invalid request (?)", success=False))

    def on_timer(self, now_ns: int, *, last_sent_ns: int, last_received_ns: int) -> Reply:
        """Close a connection without traffic in either direction for ten minutes."""
        idle = now_ns >= max(last_sent_ns, last_received_ns) + IDLE
        return Reply(close=IDLE_TOO_LONG) if idle else Reply()

    def _follow(self, request: Mapping[str, object]) -> Reply:
        args = request.get("args")
        topics = [str(arg) for arg in args] if isinstance(args, list) else []
        if len(topics) > MOST_ARGUMENTS:
            refused = self._answer(request, f"args size >{MOST_ARGUMENTS}", success=False)
            return Reply(answers=[refused], violation="arguments_per_request")
        unknown = next((topic for topic in topics if not self._knows(topic)), None)
        if unknown is not None or not topics:
            return Reply.of(self._answer(request, f"Invalid topic: {unknown}", success=False))
        streams = [PREFIX + topic for topic in topics]
        reply = Reply.of(self._answer(request, "", success=True))
        if request["op"] == "subscribe":
            reply.subscribed = streams
        else:
            reply.unsubscribed = streams
        return reply

    def _knows(self, topic: str) -> bool:
        stream = PREFIX + topic
        return any(stream.startswith(each) and stream[len(each) :] in self._symbols for each in CHANNELS)

    def _answer(self, request: Mapping[str, object], message: str, *, success: bool) -> str:
        answer: dict[str, object] = {"success": success, "ret_msg": message, "conn_id": self._connection_id}
        if "req_id" in request:
            answer["req_id"] = request["req_id"]
        return json.dumps({**answer, "op": request.get("op")}, separators=(",", ":"))


def _parse(text: str) -> Mapping[str, object]:
    try:
        request = json.loads(text)
    except ValueError:
        return {}
    return request if isinstance(request, dict) else {}
