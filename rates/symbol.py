"""Instrument symbols, `BASE/QUOTE`.

Never guesses where a joined source symbol such as BTCUSDT splits.
"""

import re
from functools import lru_cache
from typing import NamedTuple

from rates.errors import InvalidSymbol

MAX_ASSET_LENGTH = 20
# Letters and digits of any script: Binance lists `1000SATS` and, since December 2025, non-ASCII assets.
_ASSET = re.compile(rf"[^\W_](?:[\w.\-]{{0,{MAX_ASSET_LENGTH - 1}}})\Z")


class Symbol(NamedTuple):
    """A pair of upper-case assets. `base` is priced in `quote`."""

    base: str
    quote: str

    def __str__(self) -> str:
        return f"{self.base}/{self.quote}"


@lru_cache(maxsize=16_384)
def parse_symbol(text: str) -> Symbol:
    """Parse a symbol such as `BTC/USDT`.

    Raises:
        InvalidSymbol: not two upper-case assets of at most 20 letters or digits, separated by one slash.
    """
    base, slash, quote = text.partition("/")
    if not slash or not _ASSET.match(base) or not _ASSET.match(quote) or text != text.upper():
        raise InvalidSymbol(text, suggestion=_suggest(text))
    return Symbol(base, quote)


def _suggest(text: str) -> str | None:
    """Correct case and separator of `text`; `None` if the result is still not a symbol."""
    base, quote = [*re.split(r"[/\-_ ]", text.strip().upper(), maxsplit=1), ""][:2]
    return f"{base}/{quote}" if _ASSET.match(base) and _ASSET.match(quote) else None
