"""Price of one asset: a random walk around its start price, with trades and a book.

Prices are integers in ticks and quantities integers in steps, so nothing is rounded; floats are used for random draws only.
Everything depends on the seed and the given times, nothing on a clock.
"""

import math
from collections import deque
from decimal import Decimal
from random import Random

from simulator.assets import SimulatedAsset
from simulator.generated.minute_bars import MinuteBars
from simulator.generated.rolling_day import BUCKET, BUCKETS, Bucket, DayStats, RollingDay
from simulator.nanotime import MS, SECOND

VOLATILITY = 1e-4  # standard deviation of one trade's price change, as a fraction of the price
MEAN_REVERSION = 1e-4  # average fraction of the distance to the start price that a trade takes back
PEG_MEAN_REVERSION = 0.1  # the same for stablecoins; keeps them within a few ticks of 1
DRIFT_PER_BUCKET = 0.003  # standard deviation of a 15-minute price change in the generated past
MEAN_TRADE_USD = 600.0
BOOK_CHANGES_PER_TRADE = 2.0
LONGEST_GAP_SECONDS = 1.5  # maximum time between two trades of a symbol
RECENT_TRADES = 40  # window of CoinGecko's slower average


class PriceWalk:
    """State of one asset.

    `trade` and `change_book` produce the next event; attributes hold the state after it.
    """

    def __init__(self, asset: SimulatedAsset, seed: int, start_ns: int) -> None:
        self.asset = asset
        self.stream_prefix = f"{asset.binance_pair.lower()}@" if asset.binance_pair else None
        self._random = Random(f"{seed}/{asset.symbol}")  # noqa: S311 - prices for a simulation, not secrets
        self._anchor = int(asset.start_price / asset.tick_size)
        self.step_size = _step_size(asset.start_price)
        self.last = self._anchor
        self.day = RollingDay(self._past(start_ns))
        self.minutes = MinuteBars(start_ns, self.last)
        self.trade_id = self._random.randrange(10_000_000, 3_000_000_000) + self.day.stats().count
        self.aggregate_id = self.trade_id * 7 // 10
        self.update_id = self.trade_id * 11
        self.trade_ns = self.event_ns = start_ns
        self.buyer_is_maker = True
        self.last_quantity = self._quantity()
        self.recent: deque[int] = deque([self.last], maxlen=RECENT_TRADES)
        self._quote_around_last()

    def trade(self, at_ns: int) -> None:
        """Make one trade at a new price.

        It is never the previous one, so that every symbol visibly changes.
        """
        random = self._random
        self.last = max(10, self.last + self._move())
        self.last_quantity = self._quantity()
        self.buyer_is_maker = random.random() < 0.5
        self.trade_id += 1
        self.aggregate_id += 1
        self.trade_ns = at_ns
        self.recent.append(self.last)
        self.day.add(at_ns, self.last, self.last_quantity)
        self.minutes.add(at_ns, self.last, self.last_quantity)
        self._touch(at_ns)
        self._quote_around_last()

    def change_book(self, at_ns: int) -> None:
        """Change a quantity at the best price.

        Prices stay (nine of ten recorded book changes do the same).
        """
        if self._random.random() < 0.5:
            self.bid_quantity = self._quantity() * 5
        else:
            self.ask_quantity = self._quantity() * 5
        self._touch(at_ns)

    def next_trade_ns(self, after_ns: int) -> int:
        """The time of the next trade."""
        seconds = self._random.expovariate(self.asset.trades_per_second)
        return after_ns + _gap(min(seconds, LONGEST_GAP_SECONDS))

    def next_book_ns(self, after_ns: int) -> int:
        """The time of the next book change."""
        return after_ns + _gap(
            self._random.expovariate(self.asset.trades_per_second * BOOK_CHANGES_PER_TRADE)
        )

    def stats(self) -> DayStats:
        """The 24 h statistics."""
        return self.day.stats()

    def average(self) -> Decimal:
        """The mean price of the recent trades."""
        return Decimal(sum(self.recent)) * self.asset.tick_size / len(self.recent)

    def _touch(self, at_ns: int) -> None:
        self.event_ns = at_ns
        self.update_id += self._random.randrange(1, 9)

    def _move(self) -> int:
        if self.asset.pegged:
            drawn = PEG_MEAN_REVERSION * (self._anchor - self.last)
        else:
            pull = -MEAN_REVERSION * math.log(self.last / self._anchor)
            drawn = self.last * self._random.gauss(pull, VOLATILITY)
        if abs(drawn) >= 1:
            return round(drawn)
        return 1 if self._random.random() < 0.5 + drawn / 2 else -1

    def _quantity(self) -> int:
        usd = self._random.expovariate(1 / MEAN_TRADE_USD)
        return max(1, int(usd / float(self.asset.start_price * self.step_size)))

    def _quote_around_last(self) -> None:
        spread = 1 if self._random.random() < 0.8 else 2
        self.bid = self.last if self.buyer_is_maker else self.last - spread
        self.ask = self.bid + spread
        self.bid_quantity = self._quantity() * 5
        self.ask_quantity = self._quantity() * 5

    def _past(self, start_ns: int) -> list[Bucket]:
        """A plausible day before the start, generated backwards from the start price."""
        first_ns = start_ns - start_ns % BUCKET
        buckets: list[Bucket] = []
        close = self.last
        for index in range(BUCKETS):
            bucket = self._past_bucket(first_ns - index * BUCKET, close)
            buckets.append(bucket)
            close = bucket.open
        return buckets[::-1]

    def _past_bucket(self, start_ns: int, close: int) -> Bucket:
        random, pegged = self._random, self.asset.pegged
        drift = random.randrange(-2, 3) if pegged else round(close * random.gauss(0, DRIFT_PER_BUCKET))
        open_ = self._anchor + drift if pegged else max(10, close + drift)
        reach = 1 if pegged else max(1, round(abs(random.gauss(0, DRIFT_PER_BUCKET / 2)) * close))
        count = max(1, int(BUCKET / SECOND * self.asset.trades_per_second * random.uniform(0.8, 1.2)))
        volume = count * int(MEAN_TRADE_USD / float(self.asset.start_price * self.step_size) + 1)
        low = max(5, min(open_, close) - reach)
        return Bucket(
            start_ns,
            open_,
            max(open_, close) + reach,
            low,
            close,
            volume,
            volume * ((open_ + close) // 2),
            count,
        )


def _gap(seconds: float) -> int:
    # Whole milliseconds, at least one, so that two trades of a symbol never share their event time.
    return max(1, int(seconds * 1000)) * MS


def _step_size(price: Decimal) -> Decimal:
    # Binance's lot steps are finer for higher prices: 0.00001 BTC, whole coins below a dollar.
    return Decimal(1).scaleb(-max(0, min(5, price.adjusted() + 1)))
