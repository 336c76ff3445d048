"""Writes stored candles of one instrument as CSV, with what is known of each."""

import csv
from collections.abc import AsyncIterator, Iterable
from datetime import datetime, timedelta, tzinfo
from decimal import Decimal
from typing import TextIO

import msgspec

from history.candle import Candle, CandleOrigin
from history.candle_fold import fold_candles
from history.candle_parts import fold_parts
from history.candle_reader import CandleReader
from history.coverage import CandleCoverage, clip_open
from history.interval import Interval, TimeSpan, span_at
from history.sampling import name_origin
from rates.ticker import TickerKey

COLUMNS = (
    *("open_time", "close_time", "open", "high", "low", "close", "volume", "quote_volume", "trades"),
    *("vwap", "coverage", "state", "revision", "origin", "known_at"),
)
# Read at once: a day of minutes, an hour of seconds.
_CHUNK = timedelta(days=1)
_CHUNK_OF_SECONDS = timedelta(hours=1)
_SPANS = 10_000


async def read_candles(
    reader: CandleReader, key: TickerKey, interval: Interval, window: TimeSpan, *, zone: tzinfo, now: datetime
) -> AsyncIterator[Candle]:
    """Yield the candles of an instrument that begin in `window` and are over, in order.

    Those of which nothing is known are yielded too, without prices. Nothing if the instrument has no history.
    """
    series = (await reader.read_series()).get(key)
    if series is None:
        return
    chunk = _CHUNK_OF_SECONDS if interval is Interval.S1 else _CHUNK
    start = window.start
    if span_at(interval, start, zone).start < start:
        start = span_at(interval, start, zone).end
    while start < window.end:
        end = span_at(interval, min(start + chunk, window.end) - timedelta.resolution, zone).end
        part = TimeSpan(start, end)
        for candle in await _read_chunk(reader, series, key, interval, part, zone=zone, now=now):
            if candle.close_time > now:
                return
            yield msgspec.structs.replace(candle, origin=name_origin(candle, key.source))
        start = end


async def _read_chunk(
    reader: CandleReader,
    series: int,
    key: TickerKey,
    interval: Interval,
    part: TimeSpan,
    *,
    zone: tzinfo,
    now: datetime,
) -> list[Candle]:
    if interval is not Interval.S1:
        minutes = await reader.read_minutes(series, part)
        return list(fold_parts(interval, part, minutes, as_of=now, zone=zone))
    seconds = await reader.read_seconds(series, part)
    spans, through = await reader.read_spans(series, key.source, part, _SPANS)
    return list(fold_candles(interval, part, seconds, clip_open(spans, through), as_of=now, zone=zone))


async def write_csv(candles: AsyncIterator[Candle], file: TextIO) -> int:
    """Write candles with a heading. Returns their number."""
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(COLUMNS)
    count = 0
    async for candle in candles:
        writer.writerow(to_texts(candle))
        count += 1
    return count


def to_texts(candle: Candle) -> Iterable[str]:
    """Yield the value of each of `COLUMNS`: empty for what is not known."""
    yield from (candle.open_time.isoformat(), candle.close_time.isoformat())
    if candle.bar is None:
        has_none = candle.coverage is CandleCoverage.NO_TRADES and candle.origin is not CandleOrigin.SAMPLES
        # Both volumes and the number of trades are known then, as in the API.
        yield from [*[""] * 4, *["0" if has_none else ""] * 3, ""]
    else:
        bar = candle.bar
        prices = (bar.open, bar.high, bar.low, bar.close, bar.volume, bar.quote_volume)
        count = "" if bar.trades is None else str(bar.trades)
        yield from (*map(_format, prices), count, _format(bar.vwap))
    yield from (candle.coverage.value, candle.state.value, str(candle.revision), candle.origin.value)
    yield candle.known_at.isoformat()


def _format(number: Decimal | None) -> str:
    return "" if number is None else format(number, "f")
