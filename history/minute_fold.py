"""Folds stored minutes or longer bars in the database, where it can compute exactly.

Postgres does, with `numeric`; the result equals that of `history.candle_parts`, digit for digit.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from history.bar import Bar
from history.candle import Candle, CandleOrigin, closed_state
from history.candle_parts import Portion
from history.coverage import CandleCoverage
from history.interval import Interval, TimeSpan

# One index scan for each portion reads its parts from the newest to the oldest, the newest revision of each first, so that nothing is
# sorted: that took half of the time. The aggregates see the rows in this order, because nothing but the subquery is below them. Of
# equal extremes the earliest counts, because equal numbers may be written differently: `max` and `min` of `numeric` return the last one
# that they saw. A sum of which a part is not known is not known.
_FOLD = """
SELECT portions.portion, folded.*
FROM ROWS FROM (
    unnest(CAST(:starts AS timestamptz[])), unnest(CAST(:ends AS timestamptz[])), unnest(CAST(:closes AS timestamptz[]))
) WITH ORDINALITY AS portions (starts_at, ends_at, closes_at, portion)
CROSS JOIN LATERAL (
    SELECT
        (array_agg(open) FILTER (WHERE open IS NOT NULL))[count(open)] AS open,
        max(high) AS high,
        min(low) AS low,
        (array_agg(close) FILTER (WHERE open IS NOT NULL))[1] AS close,
        CASE WHEN count(open) = count(volume) THEN sum(volume) END AS volume,
        CASE WHEN count(open) = count(quote_volume) THEN sum(quote_volume) END AS quote_volume,
        CASE WHEN count(open) = count(trades) THEN sum(trades) END AS trades,
        min(open_time + first_us * interval '1 microsecond') AS first_at,
        max(open_time + last_us * interval '1 microsecond') AS last_at,
        max(known_at) AS known_at,
        coalesce(min(origin) FILTER (WHERE origin <> 'TRADES'), 'TRADES') AS origin,
        coalesce(sum(revision) FILTER (WHERE known_at > closes_at), 0) AS revision,
        count(*) FILTER (WHERE coverage IN ('COMPLETE', 'NO_TRADES')) AS whole,
        count(*) FILTER (WHERE coverage <> 'UNKNOWN') AS known
    FROM (
        SELECT DISTINCT ON (open_time) *
        FROM bar_minutes
        WHERE series_id = :series AND open_time >= starts_at AND open_time < ends_at
            AND open_time >= :start AND open_time < :end
            AND (CAST(:known_at AS timestamptz) IS NULL OR known_at <= :known_at)
        ORDER BY open_time DESC, revision DESC
    ) AS parts
) AS folded
WHERE folded.known_at IS NOT NULL
ORDER BY portions.portion
"""
TABLES: Mapping[Interval, str] = {
    Interval.M1: "bar_minutes",
    Interval.M15: "bar_quarters",
    Interval.H1: "bar_hours",
    Interval.D1: "bar_days",
}
_ORIGINS = {origin.value: origin for origin in CandleOrigin}
_STATEMENTS = {interval: text(_FOLD.replace("bar_minutes", table)) for interval, table in TABLES.items()}


async def fold_stored(
    connection: AsyncConnection,
    series: int,
    portions: Sequence[Portion],
    known_at: datetime | None,
    interval: Interval,
    *,
    simulated: bool,
) -> list[Candle]:
    """Return a part for each portion of which something is known, in order.

    The portions are in order, and each begins where the one before ends. Raises whatever the database does.
    """
    arguments = {
        "series": series,
        "start": portions[0].span.start,
        "end": portions[-1].span.end,
        "starts": [portion.span.start for portion in portions],
        "ends": [portion.span.end for portion in portions],
        "closes": [portion.closes_at for portion in portions],
        "known_at": known_at,
    }
    rows = (await connection.execute(_STATEMENTS[interval], arguments)).all()
    return [_to_candle(row, portions[row[0] - 1].span, interval, simulated=simulated) for row in rows]


def _to_candle(row: Sequence[Any], span: TimeSpan, interval: Interval, *, simulated: bool) -> Candle:
    # By position, which is cheaper than by name. Times of Postgres are aware.
    _, opening, high, low, close, volume, quote_volume, trades, first_at, last_at = row[:10]
    known_at, origin, corrections, whole, known = row[10:]
    bar = None
    if opening is not None:
        count = None if trades is None else int(trades)
        bar = Bar(opening, high, low, close, volume, quote_volume, count, "", "", first_at, last_at)
    assert interval.length is not None
    if whole * interval.length == span.end - span.start:
        coverage = CandleCoverage.NO_TRADES if bar is None else CandleCoverage.COMPLETE
    else:
        coverage = CandleCoverage.PARTIAL if known else CandleCoverage.UNKNOWN
    revision = int(corrections)
    return Candle(
        interval=interval,
        open_time=span.start,
        close_time=span.end,
        bar=bar,
        state=closed_state(revision),
        coverage=coverage,
        revision=revision,
        known_at=known_at,
        origin=_ORIGINS[origin],
        simulated=simulated,
    )
