"""Arguments of `rates` whose symbols may never come again.

They stay the texts that a client sent.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from gateway.queries.rates_query import FreshnessPolicy, RatesQuery
from rates.source import Source

Convert = Callable[[Any], Any]


class UnreadList(NamedTuple):
    """The texts of a list of a scalar, which are converted only where that is needed.

    What has been found by a value once can be found by its text.
    """

    texts: Sequence[str]
    convert: Convert

    def read(self) -> list[Any]:
        """Return the values.

        Raises:
            NotOnFastPath: a text is no value of the scalar.
        """
        values: list[Any] = self.convert(self.texts)
        return values


class RatesArgs(NamedTuple):
    """The parsed arguments of `rates`."""

    query: RatesQuery
    policy: FreshnessPolicy


class NewRatesArgs(NamedTuple):
    """The arguments of `rates`, of which the symbols are not parsed; there is at least one."""

    symbols: UnreadList
    sources: tuple[Source, ...] | None
    policy: FreshnessPolicy

    def read(self) -> RatesArgs:
        """Return the parsed arguments.

        Raises:
            NotOnFastPath: a text is no symbol.
        """
        return RatesArgs(RatesQuery(tuple(self.symbols.read()), self.sources), self.policy)
