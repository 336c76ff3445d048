"""Kraken's advisories in words: announced maintenance and emergencies. Pure.

The fields of their entries are not documented. An entry of the maintenance list that says when it begins, in any field, concerns
the present only from then on.
"""

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec

from pipeline.announcement import Announcement

# Room for one maintenance and one emergency in a source's reason.
MAX_ADVISORY = 130
_EMPTY: tuple[Any, ...] = (None, "", {}, [])
# RFC 3339 with a zone. A time without one could be hours away from what is meant.
_TIME = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:?\d\d)", re.IGNORECASE)
# Fields with other times than that of the beginning.
_OTHER_TIMES = re.compile(
    r"until|end|finish|complet|stop|creat|updat|publish|post|announc|notif|resolv", re.IGNORECASE
)
# Fields with a time as a number.
_BEGINNINGS = re.compile(r"start|begin|from|since|scheduled|time|date|at$", re.IGNORECASE)
# Years 2009 to 2128 as Unix times in s, ms, µs and ns: the unit follows from the magnitude.
_EARLIEST_S, _LATEST_S = 1_230_000_000, 5_000_000_000
_UNITS = (1, 1_000, 1_000_000, 1_000_000_000)


def read_advisories(upcoming: Any, emergency: Any) -> tuple[tuple[str, ...], tuple[Announcement, ...]]:
    """Return the texts of what is the case now, and what begins at a given time."""
    now = [f"emergency: {_describe(entry)}" for entry in _entries(emergency)]
    later: list[Announcement] = []
    for entry in _entries(upcoming):
        text = f"upcoming maintenance: {_describe(entry)}"
        begins_at = min(_beginnings(entry), default=None)
        if begins_at is None:
            now.append(text)
        else:
            later.append(Announcement(text, begins_at))
    return tuple(now), tuple(later)


def _entries(found: Any) -> list[Any]:
    return [entry for entry in (found if isinstance(found, list) else [found]) if entry not in _EMPTY]


def _describe(entry: Any) -> str:
    """Return the texts of an advisory, each after its key, or the JSON of any other form."""
    if isinstance(entry, str):
        return entry[:MAX_ADVISORY]
    if isinstance(entry, dict) and (
        texts := {key: one for key, one in entry.items() if isinstance(one, str)}
    ):
        return ", ".join(f"{key} {one}" for key, one in texts.items())[:MAX_ADVISORY]
    return msgspec.json.encode(entry).decode()[:MAX_ADVISORY]


def _beginnings(entry: Any) -> Iterator[datetime]:
    if isinstance(entry, str):
        # Of several times in a text the first is the beginning.
        yield from list(_times_in(entry))[:1]
    elif isinstance(entry, Mapping):
        for key, value in entry.items():
            if _OTHER_TIMES.search(str(key)):
                continue
            if isinstance(value, str):
                yield from list(_times_in(value))[:1]
            elif _BEGINNINGS.search(str(key)) and (found := _from_unix(value)):
                yield found


def _times_in(text: str) -> Iterator[datetime]:
    for found in _TIME.findall(text):
        try:
            yield datetime.fromisoformat(found.upper().replace(" ", "T")).astimezone(UTC)
        except (ValueError, OverflowError):
            continue


def _from_unix(value: Any) -> datetime | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    seconds = (value / unit for unit in _UNITS)
    return next((datetime.fromtimestamp(s, UTC) for s in seconds if _EARLIEST_S <= s < _LATEST_S), None)
