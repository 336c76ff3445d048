"""Words of similar spelling, found by pairs of letters.

The time hardly grows with the number of words.
"""

import difflib
from collections import Counter, defaultdict
from collections.abc import Iterable
from itertools import pairwise

# Words compared letter by letter, at about 3 µs each.
MAX_COMPARED = 24
# Words with a pair of letters that are counted. More common pairs tell little.
MAX_COUNTED = 200
_START, _END = "^", "$"


class SpellingIndex:
    """An index of words by pairs of neighbouring letters, with the start and the end as letters."""

    def __init__(self, words: Iterable[str]) -> None:
        self._words_by_pair: defaultdict[str, list[str]] = defaultdict(list)
        for word in words:
            for pair in _list_pairs(word):
                self._words_by_pair[pair].append(word)

    def find_candidates(self, word: str) -> list[str]:
        """Return the words that share most pairs with `word`, best first."""
        shared: Counter[str] = Counter()
        # Rare pairs first.
        for found in sorted((self._words_by_pair.get(pair, []) for pair in _list_pairs(word)), key=len):
            shared.update(found[:MAX_COUNTED])
        return [each for each, _ in shared.most_common(MAX_COMPARED)]

    def find_similar(self, word: str, *, count: int, cutoff: float) -> list[str]:
        """Return up to `count` words with a similarity (0 to 1) of `cutoff` or more, best first."""
        return difflib.get_close_matches(word, self.find_candidates(word), n=count, cutoff=cutoff)


def _list_pairs(word: str) -> set[str]:
    return {"".join(pair) for pair in pairwise((_START, *word, _END))}
