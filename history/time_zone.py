"""Local time: zones by name, and wall-clock times that occur twice or not at all. Pure."""

from datetime import UTC, datetime, timedelta, tzinfo
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from rates.errors import InvalidArgument

_SECOND = timedelta(seconds=1)


@lru_cache(maxsize=1024)
def parse_zone(name: str) -> tzinfo:
    """Return the time zone of an IANA name such as `Europe/Berlin`.

    Raises:
        InvalidArgument: there is no zone of that name.
    """
    if name in {"UTC", "Etc/UTC"}:
        return UTC
    try:
        return ZoneInfo(name)
    # A name that leads out of the database, to a folder or to a file of another kind.
    except (ZoneInfoNotFoundError, ValueError, OSError) as exc:
        raise InvalidArgument("timeZone", name, "expected an IANA time zone such as Europe/Berlin") from exc


def utc_offset(at: datetime, zone: tzinfo) -> timedelta:
    """Return the offset of local time from UTC at an instant."""
    offset = at.astimezone(zone).utcoffset()
    assert offset is not None
    return offset


def find_transition(before: datetime, after: datetime, zone: tzinfo) -> datetime:
    """Return the first instant that has the offset of `after`, between both.

    The offsets at `before` and `after` differ, and change once between them, on a whole second.
    """
    offset = utc_offset(after, zone)
    before, after = before.replace(microsecond=0), _round_up(after)
    while after - before > _SECOND:
        middle = before + _whole_seconds((after - before) / 2)
        if utc_offset(middle, zone) == offset:
            after = middle
        else:
            before = middle
    return after


def first_instant(wall: datetime, zone: tzinfo) -> datetime:
    """Return the first instant at which local time is `wall`, or has passed it.

    A time that occurs twice is the first of both. One that does not occur is the end of the gap that skips it.
    """
    earlier = wall.replace(tzinfo=zone, fold=0).astimezone(UTC)
    later = wall.replace(tzinfo=zone, fold=1).astimezone(UTC)
    return earlier if earlier <= later else find_transition(later, earlier, zone)


def _round_up(at: datetime) -> datetime:
    return at if at.microsecond == 0 else at.replace(microsecond=0) + _SECOND


def _whole_seconds(span: timedelta) -> timedelta:
    return max(_SECOND, span // _SECOND * _SECOND)
