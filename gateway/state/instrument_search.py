"""Search of instruments: which match a text, and how well. Pure.

Case, width and separators do not matter: `btcusdt`, `BTC-USD`, `btc_usd` and full-width letters are understood.
"""

import re
import unicodedata
from collections.abc import Iterable
from enum import IntEnum
from functools import lru_cache
from typing import Self

import msgspec

from instruments.identity.asset_table import reviewed_assets
from instruments.instrument import Instrument
from rates.errors import InvalidArgument
from rates.source import Source

MAX_SEARCH_LENGTH = 100
MAX_SEARCH_WORDS = 8
# Between the texts of an instrument; no word contains it.
_END = "\n"
_ASCII_WORD = re.compile("[0-9a-z]+")
# First letters of the Unicode categories of letters, marks and numbers.
_WORD_CATEGORIES = "LMN"


class Match(IntEnum):
    """Ranks of matches between an instrument and a text, best first."""

    EXACT = 0
    """A symbol, code or name as it was typed."""
    EQUAL = 1
    """The same without separators, or the code that another source has for the base asset."""
    CODE_PREFIX = 2
    NAME_PREFIX = 3
    """The start of a name, or of a word in it."""
    QUOTE = 4
    SUBSTRING = 5


# Added for a text that matches word by word only.
_BY_WORDS = len(Match)


class SearchText(msgspec.Struct, frozen=True):
    """The folded texts of one instrument, each between two line ends."""

    exact: str
    codes: str
    names: str
    quote: str
    joined: str
    """Codes and names without separators: every match is a part of it."""

    @classmethod
    def of(cls, instrument: Instrument) -> Self:
        """Fold the texts of an instrument."""
        source, (base, quote) = instrument.source, instrument.symbol
        own_codes, other_codes = _source_codes(instrument.base_asset, source)
        codes = [base, f"{base}/{quote}"]
        names = [instrument.name, _asset_name(instrument.base_asset)]
        # Its source symbols are names of coins, those of exchanges codes.
        (names if source is Source.COINGECKO else codes).append(instrument.source_symbol)
        own = [*codes, *own_codes, *(f"{code}/{quote}" for code in own_codes)]
        other = [*other_codes, *(f"{code}/{quote}" for code in other_codes)]
        split_own, split_other, split_names = _split_all(own), _split_all(other), _split_all(names)
        joined_own = ["".join(words) for words in split_own]
        joined_codes = [*joined_own, *("".join(words) for words in split_other)]
        spaced_names = [" ".join(words) for words in split_names]
        return cls(
            exact=_enclose([*(" ".join(words) for words in split_own), *joined_own, *spaced_names]),
            codes=_enclose(joined_codes),
            names=_enclose(spaced_names),
            quote=" ".join(split_words(quote)),
            joined=_enclose([*joined_codes, *("".join(words) for words in split_names)]),
        )


class SearchQuery:
    """A text to search for.

    Raises:
        InvalidArgument: it has more than `MAX_SEARCH_LENGTH` characters or `MAX_SEARCH_WORDS` words.
    """

    def __init__(self, text: str) -> None:
        if len(text) > MAX_SEARCH_LENGTH:
            raise InvalidArgument("search", text, f"at most {MAX_SEARCH_LENGTH} characters")
        words = split_words(text)
        if len(words) > MAX_SEARCH_WORDS:
            raise InvalidArgument("search", text, f"at most {MAX_SEARCH_WORDS} words")
        self.folded = " ".join(words)
        """Equal for texts that find the same."""
        self._joined = "".join(words)
        self._exactly = _enclose([self.folded])
        self._equally = _enclose([self._joined])
        self._at_start = f"{_END}{self._joined}"
        self._at_word = f" {self.folded}"
        self._words = [SearchQuery(word) for word in dict.fromkeys(words)] if len(words) > 1 else []

    def rank(self, text: SearchText) -> int | None:
        """Return how well the instrument matches, 0 best; `None` if it does not.

        A text without any letter or digit matches nothing. Where the whole text is not found, each of its words must be,
        and the worst of them counts.
        """
        if self._joined in text.joined:
            return self._rank_whole(text) if self._joined else None
        worst = -1
        for word in self._words:
            rank = word.rank(text)
            if rank is None:
                return None
            worst = max(worst, rank)
        return None if worst < 0 else _BY_WORDS + worst

    def _rank_whole(self, text: SearchText) -> Match:
        if self._exactly in text.exact:
            return Match.EXACT
        if self._equally in text.joined:
            return Match.EQUAL
        if self._at_start in text.codes:
            return Match.CODE_PREFIX
        if self._at_start in text.joined or self._at_word in text.names:
            return Match.NAME_PREFIX
        return Match.QUOTE if self.folded == text.quote else Match.SUBSTRING


def count_words(text: str) -> int:
    """Return the number of words of a search, at most `MAX_SEARCH_WORDS`."""
    return min(len(split_words(text[:MAX_SEARCH_LENGTH])), MAX_SEARCH_WORDS)


def fold(text: str) -> str:
    """Fold case and width: texts that differ only in them become equal."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())


def split_words(text: str) -> list[str]:
    """Return the folded words: runs of letters, digits and their marks."""
    folded = fold(text)
    if folded.isascii():
        return _ASCII_WORD.findall(folded)
    return "".join(map(_letter_or_space, folded)).split()


@lru_cache(maxsize=4_096)
def _letter_or_space(character: str) -> str:
    return character if unicodedata.category(character)[0] in _WORD_CATEGORIES else " "


def _split_all(texts: Iterable[str]) -> list[list[str]]:
    return [words for text in dict.fromkeys(texts) if (words := split_words(text))]


def _enclose(texts: Iterable[str]) -> str:
    return _END + _END.join(dict.fromkeys(texts)) + _END


def _source_codes(asset_id: str | None, source: Source) -> tuple[list[str], list[str]]:
    """Return the codes that this source has for the asset, and those of other sources."""
    codes = {} if asset_id is None else reviewed_assets().source_codes(asset_id)
    own = list(codes.get(source, ()))
    others = {code for each, found in codes.items() if each is not source for code in found}
    return own, sorted(others.difference(own))


def _asset_name(asset_id: str | None) -> str:
    asset = None if asset_id is None else reviewed_assets().asset(asset_id)
    return "" if asset is None else asset.name
