"""Finds instruments in a listing. Pure.

Never guesses: several matches are returned as candidates for a person.
"""

import difflib
from collections.abc import Iterable, Iterator, Sequence

from instruments.listed import ListedInstrument, TradingStatus
from rates.errors import AmbiguousSymbol, InvalidSymbol, NotListed
from rates.source import Source
from rates.symbol import Symbol, parse_symbol

NEAR_MATCHES = 5


def find_listed(source: Source, listed: Iterable[ListedInstrument], symbol: Symbol) -> ListedInstrument:
    """Find the entry of `symbol`. Halted entries are ignored if another one is trading.

    Raises:
        AmbiguousSymbol: several entries match.
        NotListed: no entry matches.
    """
    entries = list(listed)
    found = [one for one in entries if _matches(one, symbol)]
    found = [one for one in found if one.status is TradingStatus.TRADING] or found
    if not found:
        raise NotListed(str(symbol), source, near=_near(entries, symbol))
    if len(found) > 1:
        # The best-known coins tend to have short ids; the others are bridged or copied ones.
        found.sort(key=lambda one: (len(one.source_symbol), one.source_symbol))
        candidates = [f"{one.source_symbol} ({one.name})" for one in found]
        raise AmbiguousSymbol(str(symbol), source, candidates=candidates)
    return found[0]


def search(
    listed: Iterable[ListedInstrument], *, text: str = "", quote: str | None = None
) -> Iterator[ListedInstrument]:
    """Yield the entries priced in `quote` that contain `text` in source symbol, base or name.

    The case does not matter.
    """
    needle = text.casefold()
    for one in listed:
        if quote is not None and one.quote not in (None, quote.upper()):
            continue
        if any(needle in field.casefold() for field in (one.source_symbol, one.base, one.name)):
            yield one


def to_symbol(listed: ListedInstrument, quote: str) -> Symbol | None:
    """Return our symbol of an entry, with `quote` if it has none.

    `None` for codes that are no valid symbol (`$MEME`).
    """
    try:
        return parse_symbol(f"{listed.base}/{listed.quote or quote}")
    except InvalidSymbol:
        return None


def _matches(one: ListedInstrument, symbol: Symbol) -> bool:
    return one.base == symbol.base and one.quote in (None, symbol.quote)


def _near(entries: Sequence[ListedInstrument], symbol: Symbol) -> list[str]:
    known = {str(found) for one in entries if (found := to_symbol(one, symbol.quote))}
    return difflib.get_close_matches(str(symbol), known, n=NEAR_MATCHES, cutoff=0.75)
