"""Compares our minutes with the klines of their source, which fill some. Pure."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import NamedTuple

from history.bar import Bar
from history.candle import Candle, CandleOrigin
from history.coverage import WHOLE
from history.interval import Interval, TimeSpan, span_at
from history.kline import MINUTE, Kline, KlineTraits

# Sources round the volume in quote of each trade, and some send volumes as floats. A trade that is missing makes more.
VOLUME_TOLERANCE, QUOTE_TOLERANCE = Decimal("1e-9"), Decimal("1e-6")
# For so long a source may be late with a kline: until then, one that is missing says nothing.
LATE_FOR = timedelta(hours=1)


class KlineVerdict(StrEnum):
    """EQUAL: our minute and the source's kline agree.

    FILLED: ours was not whole, and is theirs now. NOT_CHECKED: the source was asked and has no kline of it.
    """

    EQUAL = "EQUAL"
    DIFFERS = "DIFFERS"
    FILLED = "FILLED"
    NOT_CHECKED = "NOT_CHECKED"


class MinuteCheck(NamedTuple):
    """The verdict on one minute.

    `fills`: the kline is to be stored, because our minute is not whole.
    """

    open_time: datetime
    verdict: KlineVerdict
    ours: Bar | None = None
    theirs: Kline | None = None
    fills: bool = False

    @property
    def bar(self) -> Bar | None:
        """The bar of a kline that fills a minute; `None` if nothing was traded."""
        return None if self.theirs is None else to_bar(self.theirs)


def to_bar(kline: Kline) -> Bar | None:
    """Return the bar of a kline, `None` without trades.

    When its trades were made is unknown: none is dated before it was made.
    """
    if not kline.has_trades:
        return None
    made_by = kline.open_time + MINUTE - timedelta.resolution
    return Bar(
        kline.open,
        kline.high,
        kline.low,
        kline.close,
        kline.volume,
        kline.quote_volume,
        kline.trades,
        "",
        "",
        made_by,
        made_by,
    )


class Answer(NamedTuple):
    """The klines of a page, in order, and the time of which they say something.

    `is_continued`: the source has told something of the minute before it.
    """

    window: TimeSpan
    klines: Sequence[Kline]
    is_continued: bool = False


def find_answered(answer: Answer, traits: KlineTraits, now: datetime) -> Answer | None:
    """Return the answer with the time of which it says something; `None` if of none.

    Behind the last kline there may be more to come, unless that is long ago. Minutes that a source leaves out are known only between
    two that it tells; those before the first one belong to an earlier page, which ends with it.
    """
    window, klines, is_continued = answer
    if traits.omits_empty:
        if not klines:
            return None
        first, last = klines[0].open_time, klines[-1].open_time
        is_whole = is_continued or first in (window.start, last)
        start = window.start if is_whole else first + MINUTE
        return answer._replace(window=TimeSpan(start, last + MINUTE))
    end = span_at(Interval.M1, now - LATE_FOR).start
    if klines:
        end = max(end, klines[-1].open_time + MINUTE)
    end = min(end, window.end)
    return answer._replace(window=TimeSpan(window.start, end)) if end > window.start else None


def check_minutes(
    answer: Answer, minutes: Mapping[datetime, Candle], traits: KlineTraits
) -> list[MinuteCheck]:
    """Return a verdict on each minute of an answer, in order. `minutes`: what is stored."""
    window, klines, is_continued = answer
    told = {kline.open_time: kline for kline in klines}
    checks = []
    at = window.start
    while at < window.end:
        candle = minutes.get(at)
        is_between = is_continued or (bool(klines) and at > klines[0].open_time)
        if at not in told and not (traits.omits_empty and is_between):
            checks.append(MinuteCheck(at, KlineVerdict.NOT_CHECKED))
        elif candle is not None and candle.coverage in WHOLE:
            checks.append(_compare(candle, told.get(at), told.get(at - MINUTE), traits))
        else:
            checks.append(_fill(at, candle, told.get(at)))
        at += MINUTE
    return checks


def _compare(candle: Candle, theirs: Kline | None, before: Kline | None, traits: KlineTraits) -> MinuteCheck:
    if candle.origin is CandleOrigin.EXCHANGE:
        return MinuteCheck(candle.open_time, KlineVerdict.FILLED)
    if find_differences(candle.bar, theirs, before, traits):
        return MinuteCheck(candle.open_time, KlineVerdict.DIFFERS, candle.bar, theirs)
    return MinuteCheck(candle.open_time, KlineVerdict.EQUAL)


def _fill(at: datetime, candle: Candle | None, theirs: Kline | None) -> MinuteCheck:
    """Fill a minute that is not whole.

    One whose known trades are not in the kline differs all the same.
    """
    ours = None if candle is None else candle.bar
    if ours is None or _contains(theirs, ours):
        return MinuteCheck(at, KlineVerdict.FILLED, None, theirs, fills=True)
    # A kline that is left out is no candle that could stand for our trades.
    return MinuteCheck(at, KlineVerdict.DIFFERS, ours, theirs, fills=theirs is not None)


def _contains(theirs: Kline | None, part: Bar) -> bool:
    if theirs is None or not theirs.has_trades:
        return False
    inside = theirs.low <= part.low <= part.high <= theirs.high
    count = part.trades is None or theirs.trades is None or part.trades <= theirs.trades
    volume = part.volume is None or part.volume <= theirs.volume * (1 + VOLUME_TOLERANCE)
    return inside and count and volume


def find_differences(
    ours: Bar | None, theirs: Kline | None, before: Kline | None, traits: KlineTraits
) -> list[str]:
    """Return the names of the values that differ. `before`: the kline before theirs.

    Prices and counts are compared exactly; what the source does not tell is not compared.
    """
    if ours is None or theirs is None or not theirs.has_trades:
        has_trades = theirs is not None and theirs.has_trades
        return ["trades"] if (ours is not None) != has_trades else []
    opening, high, low = ours.open, ours.high, ours.low
    if traits.may_open_at_close and before is not None and theirs.open == before.close:
        opening = theirs.open
        high, low = max(high, opening), min(low, opening)
    is_same = {
        "open": opening == theirs.open,
        "high": high == theirs.high,
        "low": low == theirs.low,
        "close": ours.close == theirs.close,
        "volume": _is_close(ours.volume, theirs.volume, VOLUME_TOLERANCE),
        "quote_volume": _is_close(ours.quote_volume, theirs.quote_volume, QUOTE_TOLERANCE),
        "trades": ours.trades is None or theirs.trades is None or ours.trades == theirs.trades,
    }
    return [name for name, same in is_same.items() if not same]


def _is_close(one: Decimal | None, other: Decimal | None, tolerance: Decimal) -> bool:
    if one is None or other is None:
        return True
    return abs(one - other) <= tolerance * max(one, other)
