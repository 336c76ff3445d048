"""The HTTP header `Retry-After`: whole seconds, or a date. Pure."""

from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

# Binance's longest ban; a wait beyond it is a mistake that must not silence a source for years.
LONGEST = timedelta(days=3)
# Limits are counted by the minute: a refusal that names no time is over by then. CoinGecko's was measured: every call is refused
# for 57 to 59 s, whatever the client does.
DEFAULT_RETRY_AFTER = timedelta(minutes=1)
# More than `LONGEST` has seconds; Python refuses to read numbers of thousands of digits.
MAX_DIGITS = 9


def parse_retry_after_header(value: str | None, now: datetime) -> timedelta | None:
    """The span to wait, counted from `now`; `None` where the header is absent or neither of its two forms.

    Sources send seconds; the firewalls and proxies before them may send the date of RFC 9110.
    """
    text = (value or "").strip()
    if text.isascii() and text.isdigit():
        return min(timedelta(seconds=int(text.lstrip("0")[:MAX_DIGITS] or 0)), LONGEST)
    try:
        at = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    # The older forms of a date name no zone: it is UTC in all of them.
    at = at if at.tzinfo is not None else at.replace(tzinfo=UTC)
    return min(max(at - now, timedelta()), LONGEST)
