"""The kinds of faults with their sources and parameters.

Docs/simulator.md has the same table.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from simulator.sources import BINANCE, BYBIT, COINBASE, KRAKEN, OKX, SOURCES

PUSHED = (BINANCE, COINBASE, KRAKEN, OKX, BYBIT)

Value = str | float


@dataclass(frozen=True)
class FaultParameter:
    """A parameter of a fault: a number, or one of `words`; `what` describes it."""

    default: Value
    what: str
    words: tuple[str, ...] = ()


@dataclass(frozen=True)
class FaultKind:
    """A kind of fault.

    `what` describes it, `sources` can have it, `by_symbol` allows limiting it to symbols.
    """

    name: str
    what: str
    sources: tuple[str, ...] = SOURCES
    parameters: Mapping[str, FaultParameter] = field(default_factory=dict)
    by_symbol: bool = False


_RETRY = {"retry_after_s": FaultParameter(5.0, "seconds in the answer's Retry-After")}
_TWO_RETRIES = {
    **_RETRY,
    "second_retry_after_s": FaultParameter(0.0, "seconds in a second Retry-After header; 0 means none"),
}
CHANNEL_ROLES = ("ticker", "book", "trades", "heartbeat")
_FORMS = ("text", "html", "cut", "shape")


def _refusal(
    status: int, what: str, *sources: str, parameters: Mapping[str, FaultParameter] | None = None
) -> FaultKind:
    return FaultKind(f"http-{status}", what, sources or SOURCES, parameters or {})


_ALL = (
    _refusal(403, "handshakes and calls are refused by a firewall, in HTML"),
    _refusal(418, "handshakes and calls are refused: banned, with Retry-After", BINANCE, parameters=_RETRY),
    _refusal(429, "handshakes and calls are refused: too many, with Retry-After", parameters=_TWO_RETRIES),
    _refusal(451, "handshakes and calls are refused: restricted location"),
    _refusal(500, "handshakes and calls fail: internal error"),
    _refusal(502, "handshakes and calls fail: bad gateway, in HTML"),
    _refusal(503, "handshakes and calls fail: unavailable, in HTML"),
    FaultKind("refuse-connections", "connections are aborted before any answer"),
    FaultKind(
        "garbage",
        "messages and answers are malformed",
        parameters={"form": FaultParameter("text", "the form of the malformed text", _FORMS)},
        by_symbol=True,
    ),
    FaultKind(
        "silence",
        "half-open connections: no data, answers or pongs; calls are never answered",
        parameters={
            "scope": FaultParameter("open", "connections open now, or new ones as well", ("open", "all"))
        },
    ),
    FaultKind("no-pongs", "data flows, but client pings are not answered", PUSHED),
    FaultKind(
        "shutdown",
        "the source announces a shutdown, then closes",
        (BINANCE, KRAKEN, OKX),
        {"cut_after_s": FaultParameter(10.0, "seconds from the announcement to the close")},
    ),
    FaultKind(
        "disconnect",
        "open connections are closed",
        PUSHED,
        {
            "code": FaultParameter(1006.0, "close code; 1006 means no close frame"),
            "every_s": FaultParameter(0.0, "repeated at this age of a connection, in seconds; 0 means once"),
        },
    ),
    FaultKind("out-of-order", "each message comes after its successor", PUSHED, by_symbol=True),
    FaultKind("duplicates", "each message comes twice", PUSHED, by_symbol=True),
    FaultKind("nulls", "prices are null", by_symbol=True),
    FaultKind("missing", "price fields are missing", by_symbol=True),
    FaultKind("exponents", "prices are written with an exponent", by_symbol=True),
    FaultKind("zero-prices", "prices are zero", by_symbol=True),
    FaultKind(
        "other-asset",
        "prices are those of another asset of the same code",
        parameters={"factor": FaultParameter(7.0, "how many times as much")},
        by_symbol=True,
    ),
    FaultKind(
        "frozen",
        "the same message is repeated, or the price stops while time advances",
        parameters={
            "mode": FaultParameter(
                "repeat", "repeat the message, or keep the price only", ("repeat", "price")
            )
        },
        by_symbol=True,
    ),
    FaultKind(
        "silent", "no messages for these symbols; polled answers keep their last state", by_symbol=True
    ),
    FaultKind("delisted", "halted in the listing, and no more messages", by_symbol=True),
    FaultKind(
        "dead-channel",
        "one channel sends nothing, while the others go on",
        PUSHED,
        {
            "channel": FaultParameter("ticker", "the silent channel", CHANNEL_ROLES),
            "scope": FaultParameter(
                "all", "all subscriptions until healed, or those open now until renewed", ("all", "open")
            ),
        },
        by_symbol=True,
    ),
    FaultKind(
        "sequence-reset",
        "trade ids and sequence numbers restart at 1000, while event times advance",
        PUSHED,
        by_symbol=True,
    ),
    FaultKind(
        "ignored-requests",
        "client messages above a size are ignored, without an answer",
        PUSHED,
        {"max_bytes": FaultParameter(200.0, "the largest message that is answered")},
    ),
    FaultKind(
        "odd-frames",
        "odd messages come between the valid ones",
        PUSHED,
        {
            "form": FaultParameter(
                "not-utf8", "the odd part of the message", ("not-utf8", "no-zone", "nested")
            ),
            "every_s": FaultParameter(1.0, "seconds from one odd message to the next"),
        },
        by_symbol=True,
    ),
    FaultKind("null-entry", "one entry of the listing has a null in place of its symbol"),
    FaultKind(
        "advisory",
        "the exchange announces maintenance or an emergency, while trading goes on",
        (KRAKEN,),
        {
            "form": FaultParameter("maintenance", "the list that has an entry", ("maintenance", "emergency")),
            "begins_in_s": FaultParameter(86_400.0, "seconds until the maintenance begins"),
        },
    ),
    FaultKind(
        "clock",
        "event times are shifted",
        parameters={"offset_s": FaultParameter(30.0, "seconds ahead, or behind if negative")},
        by_symbol=True,
    ),
    FaultKind(
        "slow",
        "answers and messages are delayed",
        parameters={"delay_s": FaultParameter(2.0, "seconds of delay")},
    ),
    FaultKind(
        "cut",
        "answers of calls are truncated",
    ),
    FaultKind(
        "burst",
        "messages are held back and sent together",
        PUSHED,
        {"every_s": FaultParameter(1.0, "seconds for which they are held")},
        by_symbol=True,
    ),
)

KINDS: Mapping[str, FaultKind] = {kind.name: kind for kind in _ALL}
REFUSALS = {kind.name: int(kind.name.removeprefix("http-")) for kind in _ALL if kind.name.startswith("http-")}


def kinds_of(source: str) -> list[str]:
    """The kinds of faults that a source can have."""
    return [kind.name for kind in _ALL if source in kind.sources]
