"""Database tables of the history.

Bars and spans are rows of a series: an instrument, real or simulated.

Seconds and minutes are partitioned by time on Postgres, so that old ones are dropped as whole tables. Each revision of a bar is a row of
its own, with the time since when it was known: an old answer can be given again.
"""

from datetime import datetime
from decimal import Decimal

from sqlalchemy import (
    BigInteger,
    Boolean,
    DateTime,
    Dialect,
    ForeignKey,
    Index,
    Integer,
    Numeric,
    SmallInteger,
    String,
    Text,
    UniqueConstraint,
)
from sqlalchemy.orm import Mapped, declared_attr, mapped_column
from sqlalchemy.types import TypeDecorator, TypeEngine

from instruments.models import Model

# `CandleOrigin.TRADES`, the origin of all rows of older versions.
TRADES = "TRADES"


class ExactDecimal(TypeDecorator[Decimal]):
    """A decimal with all its digits, trailing zeros included.

    `numeric` on Postgres, text on SQLite.
    """

    impl = String
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Decimal] | TypeEngine[str]:
        if dialect.name == "postgresql":
            return dialect.type_descriptor(Numeric())
        return dialect.type_descriptor(String())

    def process_bind_param(self, value: Decimal | None, dialect: Dialect) -> Decimal | str | None:
        if value is None or dialect.name == "postgresql":
            return value
        return format(value, "f")

    def process_result_value(self, value: Decimal | str | None, _dialect: Dialect) -> Decimal | None:
        return None if value is None else Decimal(value)


class SeriesRow(Model):
    """An instrument whose history is kept."""

    __tablename__ = "series"
    __table_args__ = (UniqueConstraint("source", "base", "quote", "simulated"),)

    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=True)
    source: Mapped[str] = mapped_column(String(32))
    base: Mapped[str] = mapped_column(String(20))
    quote: Mapped[str] = mapped_column(String(20))
    simulated: Mapped[bool] = mapped_column(Boolean)


class _BarColumns:
    """Columns of a bar.

    All but the first three and `known_at` are null where nothing was traded; `trades` and `quote_volume` also where a source does
    not tell them of its own candle.

    `first_us`, `last_us`: of the first and last trade, in microseconds since `open_time`. `first_id`, `last_id`: null if the
    source does not number its trades.
    """

    series_id: Mapped[int] = mapped_column(Integer, primary_key=True)
    open_time: Mapped[datetime] = mapped_column(DateTime(timezone=True), primary_key=True)
    revision: Mapped[int] = mapped_column(SmallInteger, primary_key=True)
    trades: Mapped[int | None] = mapped_column(Integer)
    first_us: Mapped[int | None] = mapped_column(Integer)
    last_us: Mapped[int | None] = mapped_column(Integer)
    first_id: Mapped[int | None] = mapped_column(BigInteger)
    last_id: Mapped[int | None] = mapped_column(BigInteger)
    known_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    open: Mapped[Decimal | None] = mapped_column(ExactDecimal())
    high: Mapped[Decimal | None] = mapped_column(ExactDecimal())
    low: Mapped[Decimal | None] = mapped_column(ExactDecimal())
    close: Mapped[Decimal | None] = mapped_column(ExactDecimal())
    volume: Mapped[Decimal | None] = mapped_column(ExactDecimal())
    quote_volume: Mapped[Decimal | None] = mapped_column(ExactDecimal())


class SecondRow(_BarColumns, Model):
    """A second with trades. One partition a day."""

    __tablename__ = "bar_seconds"

    @declared_attr.directive
    def __table_args__(self) -> tuple[object, ...]:
        return (
            Index(None, "open_time", postgresql_using="brin"),
            {"postgresql_partition_by": "RANGE (open_time)"},
        )


class _MonthlyBarColumns(_BarColumns):
    """Columns of a bar in a table with one partition a month.

    `coverage`: a `CandleCoverage`; a time without a row is UNKNOWN. `origin`: a `CandleOrigin`.
    """

    coverage: Mapped[str] = mapped_column(String(10))
    origin: Mapped[str] = mapped_column(String(8), server_default=TRADES)

    @declared_attr.directive
    def __table_args__(self) -> tuple[object, ...]:
        return (
            Index(None, "open_time", postgresql_using="brin"),
            {"postgresql_partition_by": "RANGE (open_time)"},
        )


class MinuteRow(_MonthlyBarColumns, Model):
    """A closed minute of which something is known."""

    __tablename__ = "bar_minutes"


class QuarterRow(_MonthlyBarColumns, Model):
    """A closed quarter of an hour of which something is known, folded from its minutes.

    Kept as long as they are.
    """

    __tablename__ = "bar_quarters"


class _LongBarColumns(_BarColumns):
    """Columns of a bar of an hour or more, whose microseconds are more than 32 bits."""

    first_us: Mapped[int | None] = mapped_column(BigInteger)
    last_us: Mapped[int | None] = mapped_column(BigInteger)
    coverage: Mapped[str] = mapped_column(String(10))
    origin: Mapped[str] = mapped_column(String(8), server_default=TRADES)


class HourRow(_LongBarColumns, Model):
    """A closed hour of which something is known, folded from its minutes. Kept for ever."""

    __tablename__ = "bar_hours"


class DayRow(_LongBarColumns, Model):
    """A closed day in UTC of which something is known, folded from its hours. Kept for ever."""

    __tablename__ = "bar_days"


class SpanRow(Model):
    """A time of which every trade is recorded. `ended_at` is null while it goes on."""

    __tablename__ = "covered_spans"

    series_id: Mapped[int] = mapped_column(ForeignKey("series.id"), primary_key=True)
    started_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), primary_key=True)
    ended_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    reason: Mapped[str | None] = mapped_column(String(20))


class RecordingRow(Model):
    """The place in the log of a source until which everything is stored.

    `through`: until when open spans are covered. `not_before`: the earliest time of which later batches can prove anything, because
    earlier ones were lost. `minutes_until`, `hours_until`: the end of the last stored minute and hour; `None` before the first hour.
    `quarters_since`, `quarters_until`: the time whose quarter hours are stored. A version without them may have stored minutes before it.
    """

    __tablename__ = "recordings"

    source: Mapped[str] = mapped_column(String(32), primary_key=True)
    simulated: Mapped[bool] = mapped_column(Boolean, primary_key=True)
    entry: Mapped[str] = mapped_column(String(40))
    session: Mapped[str] = mapped_column(String(60))
    number: Mapped[int] = mapped_column(Integer)
    through: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    not_before: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    minutes_until: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    hours_until: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    quarters_since: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    quarters_until: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))


class CheckRow(Model):
    """The verdict of the source's klines on the minutes from `started_at` to `ended_at`.

    `verdict`: a `KlineVerdict`. `ours` and `theirs`, of a minute that differs: both values as JSON. Minutes without a row were not compared.
    """

    __tablename__ = "minute_checks"

    series_id: Mapped[int] = mapped_column(ForeignKey("series.id"), primary_key=True)
    started_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), primary_key=True)
    ended_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    verdict: Mapped[str] = mapped_column(String(12))
    ours: Mapped[str | None] = mapped_column(Text)
    theirs: Mapped[str | None] = mapped_column(Text)


class SourcePeriodRow(Model):
    """A time in which a source had one state: a `RecordedState` other than UNKNOWN.

    The recorder moves the end of the last one. A time in no row was recorded by nobody.
    """

    __tablename__ = "source_periods"

    source: Mapped[str] = mapped_column(String(32), primary_key=True)
    simulated: Mapped[bool] = mapped_column(Boolean, primary_key=True)
    started_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), primary_key=True)
    ended_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    state: Mapped[str] = mapped_column(String(16))
    reason: Mapped[str | None] = mapped_column(Text)


class SourceFigureRow(Model):
    """Figures of a source in a span of `interval`, one of those of `FIGURE_INTERVALS`.

    `recorded_ms`: for how long of its time they were recorded. `lags`: `LagCounts` as JSON.
    """

    __tablename__ = "source_figures"

    source: Mapped[str] = mapped_column(String(32), primary_key=True)
    simulated: Mapped[bool] = mapped_column(Boolean, primary_key=True)
    interval: Mapped[str] = mapped_column(String(4), primary_key=True)
    open_time: Mapped[datetime] = mapped_column(DateTime(timezone=True), primary_key=True)
    recorded_ms: Mapped[int] = mapped_column(Integer)
    received: Mapped[int] = mapped_column(BigInteger)
    refused: Mapped[int] = mapped_column(BigInteger)
    lags: Mapped[str] = mapped_column(Text)
