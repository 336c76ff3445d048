"""Numbers as exchanges write them: text, and empty text where there is no value. Pure."""

from decimal import Decimal

from rates.errors import InvalidNumber, SourceProtocolError
from rates.number import parse_decimal
from rates.source import Source


def parse_number(source: Source, text: str) -> Decimal | None:
    """The number that was published, exactly; empty text is no value.

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
    """A best bid, best ask, high or low; zero stands for an empty side of the book or a day without a trade.

    Raises:
        SourceProtocolError: neither empty nor a finite number.
    """
    return parse_number(source, text) or None
