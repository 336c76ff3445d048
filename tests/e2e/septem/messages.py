"""Messages of Septem, parsed into typed values. Pure."""

from decimal import Decimal

import msgspec

from rates.errors import SourceProtocolError


class SeptemTick(msgspec.Struct, frozen=True):
    """`{"pair":"btc_usd","price":"61000.10","at":1767268800000,"n":1}`.

    The last trade, its time in milliseconds, its number.
    """

    pair: str
    price: Decimal
    at: int
    n: int


_decoder = msgspec.json.Decoder(SeptemTick)


def parse_tick(frame: bytes) -> SeptemTick:
    """One message.

    Raises:
        SourceProtocolError: not a message of this form.
    """
    try:
        return _decoder.decode(frame)
    except msgspec.MsgspecError as exc:
        raise SourceProtocolError("septem", f"expected a tick, saw {frame[:160]!r}: {exc}") from exc
