"""The kinds of faults with their sources and parameters; docs/simulator.md has the same table."""

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
    """A kind of fault: `what` describes it, `sources` can have it, `by_symbol` allows limiting it to symbols."""

    name: str
    what: str
    sources: tuple[str, ...] = SOURCES
    parameters: Mapping[str, FaultParameter] = field(default_factory=dict)
    by_symbol: bool = False


_RETRY = {"retry_after_s": FaultParameter(5.0, "seconds in the answer's Retry-After")}
_FORMS = ("text", "html", "cut", "shape")


def _refusal(status: int, what: str, *sources: str, retry: bool = False) -> FaultKind:
    return FaultKind(f"http-{status}", what, sources or SOURCES, _RETRY if retry else {})


_ALL = (
    _refusal(403, "handshakes and calls are refused by a firewall, in HTML"),
    _refusal(418, "handshakes and calls are refused: banned, with Retry-After", BINANCE, retry=True),
    _refusal(429, "handshakes and calls are refused: too many, with Retry-After", retry=True),
    _refusal(451, "handshakes and calls are refused: restricted location"),
    _refusal(500, "handshakes and calls fail: internal error"),
    _refusal(502, "handshakes and calls fail: bad gateway, in HTML"),
    _refusal(503, "handshakes and calls fail: unavailable, in HTML"),
    FaultKind("refuse-connections", "whoever connects is cut off before any answer"),
    FaultKind(
        "garbage",
        "messages and answers are not what they should be",
        parameters={"form": FaultParameter("text", "what comes instead", _FORMS)},
        by_symbol=True,
    ),
    FaultKind(
        "silence",
        "half-open: connections stay open, nothing comes, nothing is answered, no pongs; calls are never answered",
        parameters={
            "scope": FaultParameter("open", "only connections open now, or new ones too", ("open", "all"))
        },
    ),
    FaultKind("no-pongs", "data flows, but no ping of a client is answered", PUSHED),
    FaultKind(
        "shutdown",
        "the end is announced as the source does, then it comes",
        (BINANCE, KRAKEN, OKX),
        {"cut_after_s": FaultParameter(10.0, "seconds from the announcement to the end")},
    ),
    FaultKind(
        "disconnect",
        "open connections are closed",
        PUSHED,
        {
            "code": FaultParameter(1006.0, "close code; 1006 is no close frame at all"),
            "every_s": FaultParameter(0.0, "again and again at this age of a connection; 0 is once"),
        },
    ),
    FaultKind("out-of-order", "each message comes after its successor", PUSHED, by_symbol=True),
    FaultKind("duplicates", "each message comes twice", PUSHED, by_symbol=True),
    FaultKind("nulls", "prices are null", by_symbol=True),
    FaultKind("missing", "prices are left out", by_symbol=True),
    FaultKind("exponents", "prices are written with an exponent", by_symbol=True),
    FaultKind("zero-prices", "prices are zero", by_symbol=True),
    FaultKind(
        "frozen",
        "the same message again and again, or time goes on and the price stands still",
        parameters={"mode": FaultParameter("repeat", "what stands still", ("repeat", "price"))},
        by_symbol=True,
    ),
    FaultKind("silent", "nothing comes of these symbols; polled, their last state stays", by_symbol=True),
    FaultKind("delisted", "halted in the listing, and nothing comes of it any more", by_symbol=True),
    FaultKind(
        "clock",
        "the source's clock is off",
        parameters={"offset_s": FaultParameter(30.0, "ahead, or behind if negative")},
        by_symbol=True,
    ),
    FaultKind(
        "slow", "answers and messages come late", parameters={"delay_s": FaultParameter(2.0, "how late")}
    ),
    FaultKind(
        "cut",
        "answers of calls end in the middle, as when a line breaks",
    ),
    FaultKind(
        "burst",
        "messages are held back and come all at once",
        PUSHED,
        {"every_s": FaultParameter(1.0, "for how long they are held")},
        by_symbol=True,
    ),
)

KINDS: Mapping[str, FaultKind] = {kind.name: kind for kind in _ALL}
REFUSALS = {kind.name: int(kind.name.removeprefix("http-")) for kind in _ALL if kind.name.startswith("http-")}


def kinds_of(source: str) -> list[str]:
    """The kinds of faults that a source can have."""
    return [kind.name for kind in _ALL if source in kind.sources]
