"""What faults there are, for which sources, with which parameters. The table in docs/simulator.md is this one."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from simulator.sources import BINANCE, BYBIT, COINBASE, KRAKEN, OKX, SOURCES

PUSHED = (BINANCE, COINBASE, KRAKEN, OKX, BYBIT)

Value = str | float


@dataclass(frozen=True)
class Parameter:
    """A number, or one of some words; `what` for people."""

    default: Value
    what: str
    words: tuple[str, ...] = ()


@dataclass(frozen=True)
class Kind:
    """One fault; `what` for people, `sources` to which it applies, `by_symbol` whether it can be limited to symbols."""

    name: str
    what: str
    sources: tuple[str, ...] = SOURCES
    parameters: Mapping[str, Parameter] = field(default_factory=dict)
    by_symbol: bool = False


_RETRY = {"retry_after_s": Parameter(5.0, "seconds in the answer's Retry-After")}
_FORMS = ("text", "html", "cut", "shape")


def _refusal(status: int, what: str, *sources: str, retry: bool = False) -> Kind:
    return Kind(f"http-{status}", what, sources or SOURCES, _RETRY if retry else {})


_ALL = (
    _refusal(403, "handshakes and calls are refused by a firewall, in HTML"),
    _refusal(418, "handshakes and calls are refused: banned, with Retry-After", BINANCE, retry=True),
    _refusal(429, "handshakes and calls are refused: too many, with Retry-After", retry=True),
    _refusal(451, "handshakes and calls are refused: restricted location"),
    _refusal(500, "handshakes and calls fail: internal error"),
    _refusal(502, "handshakes and calls fail: bad gateway, in HTML"),
    _refusal(503, "handshakes and calls fail: unavailable, in HTML"),
    Kind("refuse-connections", "whoever connects is cut off before any answer"),
    Kind(
        "garbage",
        "messages and answers are not what they should be",
        parameters={"form": Parameter("text", "what comes instead", _FORMS)},
        by_symbol=True,
    ),
    Kind(
        "silence",
        "half-open: connections stay open, nothing comes, nothing is answered, no pongs; calls are never answered",
        parameters={
            "scope": Parameter("open", "only connections open now, or new ones too", ("open", "all"))
        },
    ),
    Kind("no-pongs", "data flows, but no ping of a client is answered", PUSHED),
    Kind(
        "shutdown",
        "the end is announced as the source does, then it comes",
        (BINANCE, KRAKEN, OKX),
        {"cut_after_s": Parameter(10.0, "seconds from the announcement to the end")},
    ),
    Kind(
        "disconnect",
        "open connections are closed",
        PUSHED,
        {
            "code": Parameter(1006.0, "close code; 1006 is no close frame at all"),
            "every_s": Parameter(0.0, "again and again at this age of a connection; 0 is once"),
        },
    ),
    Kind("out-of-order", "each message comes after its successor", PUSHED, by_symbol=True),
    Kind("duplicates", "each message comes twice", PUSHED, by_symbol=True),
    Kind("nulls", "prices are null", by_symbol=True),
    Kind("missing", "prices are left out", by_symbol=True),
    Kind("exponents", "prices are written with an exponent", by_symbol=True),
    Kind("zero-prices", "prices are zero", by_symbol=True),
    Kind(
        "frozen",
        "the same message again and again, or time goes on and the price stands still",
        parameters={"mode": Parameter("repeat", "what stands still", ("repeat", "price"))},
        by_symbol=True,
    ),
    Kind("silent", "nothing comes of these symbols; polled, their last state stays", by_symbol=True),
    Kind("delisted", "halted in the listing, and nothing comes of it any more", by_symbol=True),
    Kind(
        "clock",
        "the source's clock is off",
        parameters={"offset_s": Parameter(30.0, "ahead, or behind if negative")},
        by_symbol=True,
    ),
    Kind("slow", "answers and messages come late", parameters={"delay_s": Parameter(2.0, "how late")}),
    Kind(
        "cut",
        "answers of calls end in the middle, as when a line breaks",
    ),
    Kind(
        "burst",
        "messages are held back and come all at once",
        PUSHED,
        {"every_s": Parameter(1.0, "for how long they are held")},
        by_symbol=True,
    ),
)

KINDS: Mapping[str, Kind] = {kind.name: kind for kind in _ALL}
REFUSALS = {kind.name: int(kind.name.removeprefix("http-")) for kind in _ALL if kind.name.startswith("http-")}


def kinds_of(source: str) -> list[str]:
    """The faults that apply to a source."""
    return [kind.name for kind in _ALL if source in kind.sources]
