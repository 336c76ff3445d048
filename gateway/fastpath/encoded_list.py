"""The rates of one question in one selection, kept joined until one of them moves."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from operator import attrgetter

from gateway.fastpath.cache import OVERHEAD_BYTES, EncodedRateCache
from gateway.fastpath.encoded_rate import EARLIEST, LATEST, EncodedRate
from gateway.fastpath.list_template import ListTemplate
from gateway.queries.rate import Rate
from gateway.state.mirror import TickerSlot
from rates.clock import format_us
from rates.ticker import Ticker

ToRate = Callable[[Ticker, datetime], Rate]
_read_ticker: Callable[[TickerSlot], Ticker | None] = attrgetter("ticker")


class EncodedRateList:
    """`slots` are where the mirror keeps what the question means by the catalogue's `version`; `covers_query` is whether that is
    everything that was asked.
    """

    def __init__(
        self,
        slots: Sequence[TickerSlot],
        version: str,
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
        self.version = version
        self.rate_cache = rate_cache
        self.weight = 0
        """Bytes that it takes, about."""

    @property
    def encoded(self) -> bytes:
        """The list as it stood when it was refreshed."""
        return self._template.encode(format_us(self._now))

    @property
    def is_complete(self) -> bool:
        """Whether everything that was asked is in it."""
        return self._covers_query and len(self._encoded_rates) == len(self._slots)

    @property
    def fresh_for(self) -> timedelta | None:
        """How long all of them stay fresh; `None` where there are none."""
        if not self._encoded_rates:
            return None
        if self._fresh_until is None:
            self._fresh_until = min(
                self._to_rate(each.ticker, self._now).expires_at for each in self._encoded_rates
            )
        return self._fresh_until - self._now

    def refresh(self, version: int, now: datetime) -> None:
        """Make it tell of now; equal `moves` mean that no rate is another."""
        self._now = now
        is_valid = self._valid_after < now <= self._valid_until
        if is_valid and version == self._version:
            return
        # What has been seen once stays: as many are the same.
        seen = list(filter(None, map(_read_ticker, self._slots)))
        if is_valid and len(seen) == len(self._encoded_rates):
            self._replace(seen, now)
        else:
            self._encode_all(seen, now)
        self._version, self._fresh_until = version, None

    def _replace(self, tickers: list[Ticker], now: datetime) -> None:
        """A write moves a few of many: only those are put in."""
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
        # The fragments may be all that is left of a shelf that had to go.
        self.weight = OVERHEAD_BYTES * (1 + len(self._slots)) + sum(
            len(each.with_comma) for each in self._encoded_rates
        )
