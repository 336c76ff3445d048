"""OKX's side of one public connection [exchanges.md 5]. Pure text in, text out.

Close codes 1009 and 4004 are documented by OKX; error 60014 for too many operations is unconfirmed.
"""

import json
from collections.abc import Sequence
from collections.abc import Set as AbstractSet

from simulator.feed_session import Reply
from simulator.limits import RollingLimit
from simulator.nanotime import MINUTE, SECOND
from simulator.okx.channels import TICKERS, TRADES
from simulator.send_queue import CloseFrame

CHANNELS = {"tickers": TICKERS, "trades": TRADES}
OPERATIONS_PER_HOUR = 480
LARGEST_REQUEST = 64 * 1024
IDLE = 30 * SECOND
NO_DATA = CloseFrame(4004, "No data received in 30s")
TOO_LONG = CloseFrame(1009, "Request message exceeds the maximum frame length")


class OkxSession:
    """The protocol state of one connection."""

    def __init__(self, instruments: AbstractSet[str], opened_ns: int) -> None:
        self._instruments = instruments
        self._connection_id = f"{opened_ns & 0xFFFFFFFF:08x}"
        self._operations = RollingLimit(OPERATIONS_PER_HOUR, 60 * MINUTE)

    def on_open(self) -> Sequence[str]:
        """OKX sends nothing first."""
        return ()

    def receive(self, text: str, now_ns: int) -> Reply:
        """Execute one request."""
        if text == "ping":
            return Reply.pong("pong")
        if len(text.encode()) > LARGEST_REQUEST:
            return Reply(close=TOO_LONG, violation="request_size")
        if self._operations.retry_at("", now_ns) is not None:
            return Reply(
                answers=[self._error("60014", "Requests too frequent.")], violation="operations_per_hour"
            )
        operation, args = _parse(text)
        if operation is None:
            return Reply.of(self._error("60012", f"Invalid request: {text[:200]}"))
        reply = Reply()
        for arg in args:
            self._follow(reply, operation, arg)
        return reply

    def on_timer(self, now_ns: int, *, last_sent_ns: int, last_received_ns: int) -> Reply:  # noqa: ARG002 - the port's
        """Close a connection after 30 s without a message from the server."""
        return Reply(close=NO_DATA) if now_ns >= last_sent_ns + IDLE else Reply()

    def _follow(self, reply: Reply, operation: str, arg: object) -> None:
        fields = arg if isinstance(arg, dict) else {}
        channel, instrument = fields.get("channel"), fields.get("instId")
        prefix = CHANNELS.get(channel) if isinstance(channel, str) else None
        if prefix is None or not isinstance(instrument, str) or instrument not in self._instruments:
            what = f"Wrong URL or channel:{channel},instId:{instrument} doesn't exist."
            reply.answers.append(self._error("60018", what))
            return
        (reply.subscribed if operation == "subscribe" else reply.unsubscribed).append(prefix + instrument)
        reply.answers.append(_dump({"event": operation, "arg": arg, "connId": self._connection_id}))

    def _error(self, code: str, message: str) -> str:
        return _dump({"event": "error", "code": code, "msg": message, "connId": self._connection_id})


def _parse(text: str) -> tuple[str | None, list[object]]:
    try:
        request = json.loads(text)
    except ValueError:
        return None, []
    if not isinstance(request, dict) or request.get("op") not in ("subscribe", "unsubscribe"):
        return None, []
    args = request.get("args")
    if not isinstance(args, list) or not args:
        return None, []
    return request["op"], args


def _dump(message: object) -> str:
    return json.dumps(message, separators=(",", ":"))
