"""Numbers that exchanges write as text, with empty text for no value. Pure."""

from decimal import Decimal

from rates.errors import InvalidNumber, SourceProtocolError
from rates.number import parse_decimal
from rates.source import Source


def parse_number(source: Source, text: str) -> Decimal | None:
    """Parse a number exactly. Empty text is no value.

    Raises:
        SourceProtocolError: neither empty nor a finite number.
    """
    if not text:
        return None
    try:
        return parse_decimal(text)
    except InvalidNumber as exc:
        raise SourceProtocolError(source, str(exc)) from exc


def parse_nonzero(source: Source, text: str) -> Decimal | None:
    """Parse a bid, ask, high or low, for which zero means no value: no order or no trade.

    Raises:
        SourceProtocolError: neither empty nor a finite number.
    """
    return parse_number(source, text) or None
