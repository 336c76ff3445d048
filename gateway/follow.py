"""One rate, followed: when its answer is another, be it by a value that came or by the passing of time. Waits for nothing."""

from datetime import datetime, timedelta

from gateway.freshness import Freshness
from gateway.pace import Pace
from gateway.rate import Rate
from gateway.rates import Rates
from gateway.subscribers import Subscriber
from gateway.threshold import is_move, next_notice, outlives
from rates.clock import Clock
from rates.errors import RateUnavailable, UnknownSymbol
from rates.source import Source
from rates.symbol import Symbol

# With nothing fresh, the source that has used up least of its time to live answers: which one changes as time passes.
RECONSIDER_AFTER = timedelta(seconds=1)
_MICROSECOND = timedelta(microseconds=1)


class Follower(Subscriber):
    """A subscriber that cares for the answer to `rate`, not for the values themselves."""

    def __init__(self, rates: Rates, symbol: Symbol, source: Source | None, pace: Pace, clock: Clock) -> None:
        super().__init__()
        self.symbol = symbol
        self.pace = pace
        self._rates = rates
        self._source = source
        self._clock = clock
        self._told: Rate | None = None
        self._alarm: datetime | None = None

    @property
    def alarm(self) -> datetime | None:
        return None if self.has_pending else self._alarm

    def take_news(self) -> Rate | None:
        """The answer, if it is another than the one taken last."""
        self.take()
        rate = self._answer()
        if rate is None:
            self._alarm = None
            return None
        if is_news := self._is_news(rate):
            self._told = rate
        self._alarm = min((at for at in (self._turn_at(rate), self._notice_at(rate)) if at), default=None)
        return rate if is_news else None

    def _answer(self) -> Rate | None:
        """The present answer; `None` while nobody has published one, or nobody is asked to any more."""
        try:
            return self._rates.rate(self.symbol, self._source)
        except (RateUnavailable, UnknownSymbol):
            return None

    def _is_news(self, rate: Rate) -> bool:
        if (told := self._told) is None or rate.ticker.source is not told.ticker.source:
            return True
        if rate.ticker == told.ticker:
            return False
        moved = is_move(told.ticker.price, rate.ticker.price, self.pace.min_change_bps)
        return moved or outlives(rate.ticker, told.ticker, rate.ttl, rate.now)

    def _turn_at(self, rate: Rate) -> datetime | None:
        """When another source may answer though no value comes."""
        if self._source is not None:
            return None
        if rate.freshness is Freshness.FRESH:
            return rate.expires_at + _MICROSECOND
        return rate.now + RECONSIDER_AFTER

    def _notice_at(self, rate: Rate) -> datetime | None:
        """When what was told last is about to look worse than what is known."""
        if self._told is None or self._told.ticker == rate.ticker:
            return None
        return next_notice(self._told.ticker, rate.ttl, rate.now)
