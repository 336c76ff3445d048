"""Event times inside recorded payloads: finds and shifts them without changing any other character.

Times are the integers under E, T (trades; end of a candle), t (start of a candle), O and C (24 h window) of the event types
that have them [exchanges.md 1.3]. Ids use the letters T, t and O in other events, so the event type decides.
"""

import re
from collections.abc import Callable

MICROSECONDS_FROM = 10**14  # smallest stamp in microseconds; smaller ones are in milliseconds

_EVENT_TYPE = re.compile(r'"e":\s*"([^"]*)"')
_EVENT_TIME = re.compile(r'"E":\s*(\d+)')
_TIMES = {
    "trade": re.compile(r'("[ET]":\s*)(\d+)'),
    "aggTrade": re.compile(r'("[ET]":\s*)(\d+)'),
    "kline": re.compile(r'("[ETt]":\s*)(\d+)'),
    "avgPrice": re.compile(r'("[ET]":\s*)(\d+)'),
    "ticker": re.compile(r'("[EOC]":\s*)(\d+)'),
    "other": re.compile(r'("E":\s*)(\d+)'),
}


def event_ms(data: str) -> int | None:
    """The event time of a payload in milliseconds; None for payloads without one (bookTicker)."""
    match = _EVENT_TIME.search(data)
    if match is None:
        return None
    stamp = int(match[1])
    return stamp // 1000 if stamp >= MICROSECONDS_FROM else stamp


def move_times(text: str, moved_us: Callable[[int], int]) -> str:
    """Shift every event time of a text; `moved_us` maps epoch microseconds to epoch microseconds."""

    def replace(match: re.Match[str]) -> str:
        stamp = int(match[2])
        if stamp >= MICROSECONDS_FROM:
            return f"{match[1]}{moved_us(stamp)}"
        return f"{match[1]}{moved_us(stamp * 1000) // 1000}"

    kind = _EVENT_TYPE.search(text)
    return _pattern(kind[1] if kind else "").sub(replace, text)


def _pattern(event_type: str) -> re.Pattern[str]:
    if event_type.endswith("Ticker"):
        return _TIMES["ticker"]
    return _TIMES.get(event_type, _TIMES["other"])
