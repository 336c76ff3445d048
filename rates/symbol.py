"""Instrument symbols, `BASE/QUOTE`. Never guesses where a source's joined spelling splits."""

import re
from functools import lru_cache
from typing import NamedTuple

from rates.errors import InvalidSymbol

MAX_ASSET_LENGTH = 20
# Binance lists assets such as `1000SATS` and, since December 2025, non-ASCII ones: letters and digits of any script.
_ASSET = re.compile(rf"[^\W_](?:[\w.\-]{{0,{MAX_ASSET_LENGTH - 1}}})\Z")


class Symbol(NamedTuple):
    """A pair of assets: `base` is priced in `quote`; both upper case."""

    base: str
    quote: str

    def __str__(self) -> str:
        return f"{self.base}/{self.quote}"


@lru_cache(maxsize=16_384)
def parse_symbol(text: str) -> Symbol:
    """Read `BTC/USDT`.

    Raises:
        InvalidSymbol: not two upper-case assets of at most 20 letters or digits with one slash between.
    """
    base, slash, quote = text.partition("/")
    if not slash or not _ASSET.match(base) or not _ASSET.match(quote) or text != text.upper():
        raise InvalidSymbol(text, suggestion=_suggest(text))
    return Symbol(base, quote)


def _suggest(text: str) -> str | None:
    """The well-formed symbol that `text` would be with another case or separator, if that is plain to see."""
    base, quote = [*re.split(r"[/\-_ ]", text.strip().upper(), maxsplit=1), ""][:2]
    return f"{base}/{quote}" if _ASSET.match(base) and _ASSET.match(quote) else None
