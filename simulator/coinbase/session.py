"""Coinbase's side of one connection [exchanges.md 4]. Pure text in, text out.

Error texts marked (?) are not documented; their shape is.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet

from simulator.coinbase.channels import BATCH, HEARTBEAT, MATCHES, TICKER
from simulator.feed_session import Reply
from simulator.limits import RollingLimit
from simulator.nanotime import SECOND
from simulator.send_queue import CloseFrame

CHANNELS = {"ticker": TICKER, "ticker_batch": BATCH, "heartbeat": HEARTBEAT, "matches": MATCHES}
SUBSCRIBE_WITHIN = 5 * SECOND
MESSAGES_PER_SECOND = 100
NOT_SUBSCRIBED = CloseFrame(1008, "No subscription in time")
FAILED = CloseFrame(1008, "Failed to subscribe")
TOO_MANY = CloseFrame(1008, "Rate limit exceeded")


class _Refused(Exception):
    """A request that Coinbase answers with an error."""


class CoinbaseSession:
    """The protocol state of one connection."""

    def __init__(self, products: AbstractSet[str], opened_ns: int) -> None:
        self._products = products
        self._opened_ns = opened_ns
        self._rate = RollingLimit(MESSAGES_PER_SECOND, SECOND)
        self._subscribed: dict[str, dict[str, None]] = {}
        self._asked = False

    def on_open(self) -> Sequence[str]:
        """Coinbase sends nothing first."""
        return ()

    def receive(self, text: str, now_ns: int) -> Reply:
        """Execute one request; a refused one closes the connection."""
        if self._rate.retry_at("", now_ns) is not None:
            return Reply(close=TOO_MANY, violation="messages_per_second")
        try:
            return self._execute(_parse(text))
        except _Refused as refusal:
            error = {"type": "error", "message": "Failed to subscribe", "reason": str(refusal)}
            return Reply(answers=[_dump(error)], close=FAILED)

    def on_timer(self, now_ns: int, *, last_sent_ns: int, last_received_ns: int) -> Reply:  # noqa: ARG002 - the port's
        """Close a connection that has not subscribed in time."""
        if not self._asked and now_ns >= self._opened_ns + SUBSCRIBE_WITHIN:
            return Reply(close=NOT_SUBSCRIBED)
        return Reply()

    def _execute(self, request: Mapping[str, object]) -> Reply:
        operation = request.get("type")
        if operation not in ("subscribe", "unsubscribe"):
            raise _Refused("Type has to be either subscribe or unsubscribe")
        wanted = self._wanted(request)
        self._asked = True
        streams = [CHANNELS[channel] + product for channel, product in wanted]
        for channel, product in wanted:
            products = self._subscribed.setdefault(channel, {})
            if operation == "subscribe":
                products[product] = None
            else:
                products.pop(product, None)
        reply = Reply.of(self._subscriptions())
        if operation == "subscribe":
            reply.subscribed = streams
        else:
            reply.unsubscribed = streams
        return reply

    def _wanted(self, request: Mapping[str, object]) -> list[tuple[str, str]]:
        """All requested (channel, product) pairs; a channel may name its own products."""
        shared = _names(request.get("product_ids", []))
        wanted: list[tuple[str, str]] = []
        channels = request.get("channels")
        if not isinstance(channels, list) or not channels:
            raise _Refused("No channels provided")
        for item in channels:
            name = item.get("name") if isinstance(item, dict) else item
            own = _names(item.get("product_ids", [])) if isinstance(item, dict) else []
            if not isinstance(name, str) or name not in CHANNELS:
                raise _Refused(f"{name} is not a valid channel")
            wanted += [(name, product) for product in dict.fromkeys([*shared, *own])]
        self._check(product for _, product in wanted)
        return wanted

    def _check(self, products: Iterable[str]) -> None:
        unknown = next((product for product in products if product not in self._products), None)
        if unknown is not None:
            raise _Refused(f"{unknown} is not a valid product")

    def _subscriptions(self) -> str:
        channels = [
            {"name": name, "product_ids": list(products)}
            for name, products in self._subscribed.items()
            if products
        ]
        return _dump({"type": "subscriptions", "channels": channels})


def _parse(text: str) -> Mapping[str, object]:
    try:
        request = json.loads(text)
    except ValueError as exc:
        raise _Refused("Malformed JSON") from exc
    if not isinstance(request, dict):
        raise _Refused("Malformed JSON")
    return request


def _names(value: object) -> list[str]:
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise _Refused("product_ids must be a list of products")
    return value


def _dump(message: object) -> str:
    return json.dumps(message, separators=(",", ":"))
