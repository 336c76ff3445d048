"""The HTTP header `Retry-After`: whole seconds, or a date. Pure."""

import re
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

# Binance's longest ban. A longer wait is a mistake that must not silence a source for years.
LONGEST_RETRY_AFTER = timedelta(days=3)
# For responses that give no time. Limits are counted by the minute; CoinGecko was measured to reject every call for 57 to 59 s,
# whatever the client does.
DEFAULT_RETRY_AFTER = timedelta(minutes=1)
# Enough for `LONGEST_RETRY_AFTER` in seconds. Python refuses to parse numbers of thousands of digits.
MAX_DIGITS = 9


# One value of a list. Two of the three forms of a date have a comma themselves, after the day of the week.
_VALUE = re.compile(r"\s*[A-Za-z]+, *\d\d[ -][^,]+|[^,]+")


def parse_retry_after_header(value: str | None, now: datetime) -> timedelta | None:
    """Return the span to wait from `now`, or `None` if the header is missing or malformed.

    Sources send seconds; firewalls and proxies before them may send the date form of RFC 9110, or a second header of their own. Of
    several, joined by commas as HTTP defines it, the longest span counts: whoever asks for it would refuse the next call.
    """
    spans = [_parse_value(text.strip(), now) for text in _VALUE.findall(value or "")]
    return max((span for span in spans if span is not None), default=None)


def _parse_value(text: str, now: datetime) -> timedelta | None:
    if text.isascii() and text.isdigit():
        return min(timedelta(seconds=int(text.lstrip("0")[:MAX_DIGITS] or 0)), LONGEST_RETRY_AFTER)
    try:
        at = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    # The older date forms have no zone; it is UTC in all of them.
    at = at if at.tzinfo is not None else at.replace(tzinfo=UTC)
    return min(max(at - now, timedelta()), LONGEST_RETRY_AFTER)
