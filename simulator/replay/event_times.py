"""Event times inside recorded payloads, shifted without changing another character.

* Binance: integers under E, T (trades; end of a candle), t (start of a candle), O and C (24 h window) of the event types that
  have them [exchanges.md 1.3]. Ids use the letters T, t and O in other events, so the event type decides.
* Coinbase `time` and Kraken `timestamp`: ISO 8601 in UTC; OKX `ts`: milliseconds as text; Bybit `ts`, `cts`, `T`: milliseconds.
"""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from simulator.sources import BINANCE, BYBIT, COINBASE, KRAKEN, OKX

MICROSECONDS_FROM = 10**14  # smallest stamp in microseconds; smaller ones are in milliseconds

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_EVENT_TYPE = re.compile(r'"e":\s*"([^"]*)"')
_BINANCE_TIMES = {
    "trade": re.compile(r'("[ET]":\s*)(\d+)'),
    "aggTrade": re.compile(r'("[ET]":\s*)(\d+)'),
    "kline": re.compile(r'("[ETt]":\s*)(\d+)'),
    "avgPrice": re.compile(r'("[ET]":\s*)(\d+)'),
    "ticker": re.compile(r'("[EOC]":\s*)(\d+)'),
    "other": re.compile(r'("E":\s*)(\d+)'),
}
_TIMES = {
    COINBASE: re.compile(r'("time":\s*")([^"]+)'),
    KRAKEN: re.compile(r'("timestamp":\s*")([^"]+)'),
    OKX: re.compile(r'("ts":\s*")(\d+)'),
    BYBIT: re.compile(r'("(?:ts|cts|T)":\s*)(\d+)'),
}
# Where an event has several times: the one that clients observe it at.
_EVENT_TIMES = {
    BINANCE: re.compile(r'("E":\s*)(\d+)'),
    BYBIT: re.compile(r'("ts":\s*)(\d+)'),
}


def event_us(source: str, data: str) -> int | None:
    """The event time of a payload in epoch microseconds.

    None for payloads without one (bookTicker).
    """
    pattern = _EVENT_TIMES.get(source) or _TIMES[source]
    match = pattern.search(data)
    return None if match is None else _parse(match[2])


def move_times(source: str, text: str, moved_us: Callable[[int], int]) -> str:
    """Shift every event time of a text.

    `moved_us` maps epoch microseconds to epoch microseconds.
    """

    def replace(match: re.Match[str]) -> str:
        return match[1] + _format(moved_us(_parse(match[2])), match[2])

    return _pattern(source, text).sub(replace, text)


def _pattern(source: str, text: str) -> re.Pattern[str]:
    if source != BINANCE:
        return _TIMES[source]
    kind = _EVENT_TYPE.search(text)
    event_type = kind[1] if kind else ""
    if event_type.endswith("Ticker"):
        return _BINANCE_TIMES["ticker"]
    return _BINANCE_TIMES.get(event_type, _BINANCE_TIMES["other"])


def _parse(stamp: str) -> int:
    if not stamp.isdigit():
        return (datetime.fromisoformat(stamp) - _EPOCH) // _MICROSECOND
    value = int(stamp)
    return value if value >= MICROSECONDS_FROM else value * 1000


def _format(time_us: int, like: str) -> str:
    """Format a time in the unit, or with the number of decimals, of the recorded one."""
    if like.isdigit():
        return str(time_us if int(like) >= MICROSECONDS_FROM else time_us // 1000)
    seconds, rest = divmod(time_us, 1_000_000)
    text = (_EPOCH + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%S")
    decimals = len(like.partition(".")[2].rstrip("Z"))
    return f"{text}.{rest:06d}"[: len(text) + 1 + decimals].removesuffix(".") + "Z"
