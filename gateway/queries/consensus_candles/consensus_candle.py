"""One candle made of the candles of several sources. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from functools import reduce

import msgspec

from gateway.queries.consensus.arithmetic import EXACT, median, outlier_limit, vwap
from gateway.queries.consensus.query import MAX_DEVIATION_BPS, ConsensusMethod
from gateway.queries.consensus_candles.query import ConsensusCandlesQuery
from gateway.queries.identity import find_suspects
from history.bar import Bar
from history.candle import Candle, CandleState
from history.coverage import WHOLE, CandleCoverage
from history.exact import add
from rates.source import Source

_NOTHING = Decimal(0)


class ConsensusCandle(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """One candle over several sources.

    The prices are `None` with fewer contributors than asked for. `volume`: the sum over all contributors that publish one.
    """

    open_time: datetime
    close_time: datetime
    open: Decimal | None = None
    high: Decimal | None = None
    low: Decimal | None = None
    close: Decimal | None = None
    volume: Decimal | None = None
    contributors: tuple[Source, ...] = ()
    state: CandleState
    coverage: CandleCoverage
    simulated: bool


class ConsensusCandleList(msgspec.Struct, frozen=True, eq=False):
    """Candles in the order of time, made of those of `sources`.

    `lasts`: for how long nothing of it changes.
    """

    query: ConsensusCandlesQuery
    sources: tuple[Source, ...]
    items: tuple[ConsensusCandle, ...]
    has_more: bool
    lasts: timedelta


def align(candles: Mapping[Source, Sequence[Candle]], last: int) -> list[dict[Source, Candle]]:
    """Return the candles of each of the newest times at which any source has one."""
    by_time: dict[datetime, dict[Source, Candle]] = {}
    for source, found in candles.items():
        for candle in found:
            by_time.setdefault(candle.open_time, {})[source] = candle
    return [by_time[time] for time in sorted(by_time)[-last:]]


def combine(
    candles: Mapping[Source, Candle], query: ConsensusCandlesQuery, count: int, max_distance: Decimal
) -> ConsensusCandle:
    """Combine the candles of one time.

    `count`: all sources, those without a candle at that time included.

    Left out are prices that differ by a factor or are outliers, by the close, as they are of a consensus.
    """
    known = {source: candle.bar for source, candle in candles.items() if candle.bar is not None}
    if query.method is ConsensusMethod.VWAP:
        known = {source: bar for source, bar in known.items() if bar.volume}
    known = _leave_out(known, max_distance)
    first = next(iter(candles.values()))
    candle = ConsensusCandle(
        open_time=first.open_time,
        close_time=first.close_time,
        contributors=tuple(known),
        state=_worst_state(candles.values()),
        coverage=_classify_coverage(candles.values(), count),
        simulated=any(each.simulated for each in candles.values()),
    )
    if len(known) < query.min_sources:
        return candle
    bars = list(known.values())
    volumes = [bar.volume for bar in bars if bar.volume is not None]
    return msgspec.structs.replace(
        candle,
        open=_merge([bar.open for bar in bars], bars, query.method),
        high=_merge([bar.high for bar in bars], bars, query.method),
        low=_merge([bar.low for bar in bars], bars, query.method),
        close=_merge([bar.close for bar in bars], bars, query.method),
        volume=reduce(add, volumes) if volumes else None,
    )


def _merge(prices: Sequence[Decimal], bars: Sequence[Bar], method: ConsensusMethod) -> Decimal:
    return (
        vwap(prices, [bar.volume or _NOTHING for bar in bars])
        if method is ConsensusMethod.VWAP
        else median(prices)
    )


def _leave_out(bars: Mapping[Source, Bar], max_distance: Decimal) -> dict[Source, Bar]:
    closes = {source: bar.close for source, bar in bars.items()}
    suspects = find_suspects(closes, {}, max_distance) if len(closes) > 1 else set()
    closes = {source: close for source, close in closes.items() if source not in suspects}
    limit = outlier_limit(list(closes.values()), MAX_DEVIATION_BPS)
    if limit is not None:
        middle = median(list(closes.values()))
        closes = {
            source: close
            for source, close in closes.items()
            if EXACT.abs(EXACT.subtract(close, middle)) <= limit
        }
    return {source: bars[source] for source in closes}


def _worst_state(candles: Iterable[Candle]) -> CandleState:
    states = {candle.state for candle in candles}
    if CandleState.FORMING in states:
        return CandleState.FORMING
    return CandleState.CORRECTED if CandleState.CORRECTED in states else CandleState.CLOSED


def _classify_coverage(candles: Iterable[Candle], count: int) -> CandleCoverage:
    found = [candle.coverage for candle in candles]
    if len(found) == count and all(each in WHOLE for each in found):
        has_trades = CandleCoverage.COMPLETE in found
        return CandleCoverage.COMPLETE if has_trades else CandleCoverage.NO_TRADES
    is_known = any(each is not CandleCoverage.UNKNOWN for each in found)
    return CandleCoverage.PARTIAL if is_known else CandleCoverage.UNKNOWN
