"""Trades that are missing in the stored history, and whether it says so.

Pure.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal

from drill.distributed.trade_log import LoggedTrade
from history.bar import Bar
from history.coverage import CoveredSpan, covered
from history.interval import TimeSpan

SECOND = timedelta(seconds=1)
# A source that is later than this with a trade cannot be proved complete (`history.instrument_coverage.SETTLE`).
LATE_S = 0.8


@dataclass
class LossCounts:
    """The trades that were made, and those that are missing.

    `misses`: what the history does not tell.
    """

    made: int = 0
    lost: list[datetime] = field(default_factory=list)
    """Times of the missing trades, which lie in gaps unless `misses` says otherwise."""
    late: int = 0
    """Missing trades whose times are covered, because the simulator published some of their second too late."""
    misses: list[str] = field(default_factory=list)

    def lost_between(self, span: TimeSpan) -> int:
        """Return how many trades of a time are missing."""
        return sum(span.start <= at < span.end for at in self.lost)

    def judge(
        self,
        name: str,
        trades: Sequence[LoggedTrade],
        bars: Mapping[datetime, Bar],
        spans: Sequence[CoveredSpan],
    ) -> None:
        """Compare the stored seconds of one instrument with all its trades.

        A second is whole and equal, or the times of its missing trades are not covered. `spans` are disjoint.
        """
        seconds: dict[datetime, list[LoggedTrade]] = {}
        for trade in trades:
            seconds.setdefault(trade.time.replace(microsecond=0), []).append(trade)
        self.made += len(trades)
        for at, made in seconds.items():
            self._judge_second(f"{name} {at:%H:%M:%S}", at, made, bars.get(at), spans)
        self.misses += [
            f"{name} {at:%H:%M:%S}: stored, but never made" for at in bars.keys() - seconds.keys()
        ]

    def _judge_second(
        self,
        where: str,
        at: datetime,
        made: Sequence[LoggedTrade],
        bar: Bar | None,
        spans: Sequence[CoveredSpan],
    ) -> None:
        is_late = any(trade.lag_s > LATE_S for trade in made)
        if bar is None:
            self.lost += [trade.time for trade in made]
            hidden = [trade for trade in made if _is_covered(trade.time, spans)]
            if hidden and is_late:
                self.late += len(hidden)
            elif hidden:
                near = ", ".join(f"{span.start:%M:%S.%f} to {span.end:%M:%S.%f}" for span in spans)
                self.misses.append(
                    f"{where}: {len(hidden)} of {len(made)} trades are missing in a covered time: {near}"
                )
            return
        if _is_fold_of(bar, made):
            return
        count = bar.trades or 0
        if count >= len(made):
            self.misses.append(f"{where}: {count} trades are stored as {bar}, made were {len(made)}")
            return
        self.lost += [trade.time for trade in made][: len(made) - count]
        if covered(TimeSpan(at, at + SECOND), spans) and is_late:
            self.late += len(made) - count
        elif covered(TimeSpan(at, at + SECOND), spans):
            self.misses.append(f"{where}: {count} of {len(made)} trades are stored in a covered second")


def _is_covered(at: datetime, spans: Sequence[CoveredSpan]) -> bool:
    return any(span.start <= at < span.end for span in spans)


def _is_fold_of(bar: Bar, trades: Sequence[LoggedTrade]) -> bool:
    ordered = sorted(trades)
    prices = [trade.price for trade in ordered]
    return (bar.trades, bar.open, bar.high, bar.low, bar.close, bar.volume) == (
        len(ordered),
        prices[0],
        max(prices),
        min(prices),
        prices[-1],
        sum((trade.quantity for trade in ordered), Decimal(0)),
    )
