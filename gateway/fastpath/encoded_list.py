"""The joined rates of one query and selection, updated when one of them changes."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from operator import attrgetter

from gateway.cache_limits import QUERY_BYTES, QUERY_BYTES_PER_SYMBOL
from gateway.fastpath.cache import OVERHEAD_BYTES, EncodedRateCache
from gateway.fastpath.encoded_rate import EARLIEST, LATEST, EncodedRate
from gateway.fastpath.list_template import ListTemplate
from gateway.queries.rate import Rate
from gateway.queries.rates_query import RatesQuery
from gateway.state.mirror import TickerSlot
from rates.clock import format_us
from rates.ticker import Ticker

ToRate = Callable[[Ticker, datetime], Rate]
_read_ticker: Callable[[TickerSlot], Ticker | None] = attrgetter("ticker")


def weigh_query(query: RatesQuery) -> int:
    """Return the bytes that a query takes, about."""
    named = len(query.symbols or ()) + len(query.sources or ())
    return QUERY_BYTES + QUERY_BYTES_PER_SYMBOL * named


class EncodedRateList:
    """The encoded list of the rates in `slots`.

    `slots` belong to the catalog's `revision`. `covers_query` tells whether they are all the rates of the query.
    """

    def __init__(
        self,
        slots: Sequence[TickerSlot],
        revision: int,
        rate_cache: EncodedRateCache,
        to_rate: ToRate,
        *,
        covers_query: bool,
    ) -> None:
        self._slots = slots
        self._covers_query = covers_query
        self._to_rate = to_rate
        self._encoded_rates: list[EncodedRate] = []
        self._template = ListTemplate(())
        self._version = -1
        self._now = EARLIEST
        self._valid_after, self._valid_until = LATEST, EARLIEST
        self._fresh_until: datetime | None = None
        self.revision = revision
        self.rate_cache = rate_cache
        self.weight = 0
        """Bytes that it takes, about."""

    @property
    def encoded(self) -> bytes:
        """The list at the time of the last refresh."""
        return self._template.encode(format_us(self._now))

    @property
    def is_complete(self) -> bool:
        """Whether every rate of the query is in the list."""
        return self._covers_query and len(self._encoded_rates) == len(self._slots)

    @property
    def fresh_for(self) -> timedelta | None:
        """The time until the first rate expires; `None` for an empty list."""
        if not self._encoded_rates:
            return None
        if self._fresh_until is None:
            self._fresh_until = min(
                self._to_rate(each.ticker, self._now).expires_at for each in self._encoded_rates
            )
        return self._fresh_until - self._now

    def encoded_at(self, version: int, now: datetime) -> bytes | None:
        """Return the list at that time, or `None` if it must be refreshed."""
        if version != self._version or not self._valid_after < now <= self._valid_until:
            return None
        return self._template.encode(format_us(now))

    def refresh(self, version: int, now: datetime) -> None:
        """Update the list to `now`; an equal `version` means that no rate has changed."""
        self._now = now
        is_valid = self._valid_after < now <= self._valid_until
        if is_valid and version == self._version:
            return
        # Rates never disappear from their slots, so an equal number means the same instruments.
        seen = list(filter(None, map(_read_ticker, self._slots)))
        if is_valid and len(seen) == len(self._encoded_rates):
            self._replace(seen, now)
        else:
            self._encode_all(seen, now)
        self._version, self._fresh_until = version, None

    def _replace(self, tickers: list[Ticker], now: datetime) -> None:
        """Replace changed rates in place: a write of the cache changes a few of many."""
        pairs = zip(tickers, self._encoded_rates, strict=True)
        changed = {
            index: self.rate_cache.read(self._to_rate(ticker, now))
            for index, (ticker, encoded_rate) in enumerate(pairs)
            if ticker is not encoded_rate.ticker
        }
        for index, encoded_rate in changed.items():
            self._encoded_rates[index] = encoded_rate
            self._valid_after, self._valid_until = (
                max(self._valid_after, encoded_rate.valid_after),
                min(self._valid_until, encoded_rate.valid_until),
            )
        self._template.replace(changed)

    def _encode_all(self, tickers: list[Ticker], now: datetime) -> None:
        self._encoded_rates = [self.rate_cache.read(self._to_rate(each, now)) for each in tickers]
        self._valid_after = max((each.valid_after for each in self._encoded_rates), default=EARLIEST)
        self._valid_until = min((each.valid_until for each in self._encoded_rates), default=LATEST)
        self._template = ListTemplate(self._encoded_rates)
        # The list may hold encoded rates that the cache has dropped, and holds all of them joined.
        self.weight = OVERHEAD_BYTES * (1 + len(self._slots)) + 4 * sum(
            len(each.with_comma) for each in self._encoded_rates
        )
