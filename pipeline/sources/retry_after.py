"""The HTTP header `Retry-After`, in the form that sources send: whole seconds. Pure."""

from datetime import timedelta

# Binance's longest ban; a header beyond it is a mistake that must not silence a source for years.
LONGEST = timedelta(days=3)


def parse_retry_after_header(value: str | None) -> timedelta | None:
    """The span to wait; `None` where the header is absent or no number of seconds."""
    if value is None or not value.strip().isascii() or not value.strip().isdigit():
        return None
    return min(timedelta(seconds=min(int(value), 10**9)), LONGEST)
