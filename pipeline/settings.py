"""Settings of producer, consumers, push feeds, listings and the history, for all sources."""

import json
from datetime import timedelta
from typing import Annotated

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from rates.source import Source

Interval = Annotated[float, Field(ge=0.1, le=3600)]
ListingInterval = Annotated[float, Field(ge=1, le=7 * 86_400)]


def read_intervals(value: object) -> object:
    """Parse seconds by source, which the environment has as JSON.

    Raises:
        ValueError: not JSON.
    """
    try:
        return json.loads(value) if isinstance(value, str) else value
    except ValueError as exc:
        raise ValueError('expected JSON such as {"coingecko": 20}') from exc


class ProducerSettings(BaseSettings):
    """Intervals of the producer."""

    model_config = SettingsConfigDict(env_prefix="RATEWIRE_PRODUCER_", env_ignore_empty=True, extra="ignore")

    interval_s: Interval = Field(
        default=4.0,
        description="Seconds between two rounds of tasks. A smaller value gives younger rates and costs more "
        "calls to every source; a larger one than a source's TTL makes its rates stale. Must be the "
        "same for all producers.",
    )
    intervals_s: Annotated[dict[Source, Interval], NoDecode] = Field(
        default_factory=dict,
        description='Seconds for single sources, if they differ from the above, as JSON: {"coingecko": 20}.',
    )
    refresh_s: float = Field(
        default=2.0,
        gt=0,
        le=300,
        description="Seconds between two readings of the tracked instruments. A smaller value applies changes "
        "sooner; a larger one queries the database less often.",
    )

    _parse_json = field_validator("intervals_s", mode="before")(read_intervals)

    def interval(self, source: Source) -> timedelta:
        """The time between two ticks of one source."""
        return timedelta(seconds=self.intervals_s.get(source, self.interval_s))


class IngestSettings(BaseSettings):
    """Limits of validation."""

    model_config = SettingsConfigDict(env_prefix="RATEWIRE_INGEST_", env_ignore_empty=True, extra="ignore")

    max_skew_s: float = Field(
        default=10.0,
        ge=0,
        le=3600,
        description="Seconds that an observation may lie in the future, because clocks differ. A larger value "
        "accepts sources whose clock is further ahead; a smaller one rejects more of their values, "
        "which are counted in the source's health.",
    )


class ConsumerSettings(BaseSettings):
    """Timeouts of consumers."""

    model_config = SettingsConfigDict(env_prefix="RATEWIRE_CONSUMER_", env_ignore_empty=True, extra="ignore")

    fetch_timeout_s: float = Field(
        default=15.0,
        gt=0,
        le=300,
        description="Longest time for the response to one task. The task's deadline usually comes first, so that "
        "this matters with long intervals: a smaller value gives up sooner, a larger one tolerates "
        "slow sources.",
    )
    grace_s: float = Field(
        default=5.0,
        ge=0,
        le=60,
        description="Seconds in which a stopping consumer may finish its current task before it returns the task "
        "to the queue. Must be shorter than the time after which the process is killed.",
    )


class StreamSettings(BaseSettings):
    """Timing of push feeds."""

    model_config = SettingsConfigDict(env_prefix="RATEWIRE_STREAM_", env_ignore_empty=True, extra="ignore")

    flush_interval_ms: int = Field(
        default=100,
        ge=1,
        le=10_000,
        description="Milliseconds of a push feed that go into one write, with the newest value per symbol. A "
        "smaller value has less delay and writes more often; a larger one skips more intermediate "
        "values.",
    )
    silent_after_s: float = Field(
        default=30.0,
        gt=0,
        le=3600,
        description="Seconds without a message, or with the same message repeated, before a symbol may be "
        "reported as silent. Symbols with longer usual intervals have more time. A smaller value "
        "reports frozen symbols sooner, and quiet ones more often.",
    )
    endpoint_rest_s: float = Field(
        default=600.0,
        gt=0,
        le=24 * 3600,
        description="Seconds for which an address of a source is skipped after three failures in a row. A smaller "
        "value returns to the preferred address sooner; a larger one tries a broken address less "
        "often.",
    )
    refresh_s: float = Field(
        default=2.0,
        gt=0,
        le=300,
        description="Seconds between two readings of the tracked instruments. A smaller value applies changes "
        "sooner; a larger one queries the database less often.",
    )


class ListingSettings(BaseSettings):
    """Intervals of listings (`ratewire listings`)."""

    model_config = SettingsConfigDict(env_prefix="RATEWIRE_LISTINGS_", env_ignore_empty=True, extra="ignore")

    interval_s: ListingInterval = Field(
        default=300.0,
        description="Seconds between two readings of a source's listing. A smaller value notices halts and their "
        "end sooner and costs more calls (Binance: weight 20 of 6000 a minute).",
    )
    intervals_s: Annotated[dict[Source, ListingInterval], NoDecode] = Field(
        default={Source.COINGECKO: 21_600.0},
        description='Seconds for single sources, if they differ from the above, as JSON: {"coingecko": 21600}. '
        "CoinGecko's list counts against its quota and hardly changes.",
    )

    _parse_json = field_validator("intervals_s", mode="before")(read_intervals)

    def interval(self, source: Source) -> timedelta:
        """The time between two readings of one source's listing."""
        return timedelta(seconds=self.intervals_s.get(source, self.interval_s))


class HistorySettings(BaseSettings):
    """The history: bars of the push feeds' trades (`ratewire recorder`)."""

    model_config = SettingsConfigDict(env_prefix="RATEWIRE_HISTORY_", env_ignore_empty=True, extra="ignore")

    enabled: bool = Field(
        default=True,
        description="Whether push feeds fold trades into bars, and recorders store them. false saves the work, and leaves a gap "
        "in the history. Must be the same for all push feeds of a source.",
    )
    keep_seconds_days: float = Field(
        default=2.0,
        gt=0,
        le=3650,
        description="Days for which bars of a second are kept. More allows late looks at single seconds; a busy instrument takes 17 MB a "
        "day.",
    )
    keep_minutes_days: float = Field(
        default=90.0,
        ge=1,
        le=3650,
        description="Days for which bars of a minute are kept. More gives fine charts of longer ago; an instrument takes 0.2 MB a day. "
        "Hours and days are kept for ever.",
    )
    store_every_s: float = Field(
        default=0.5,
        ge=0.1,
        le=30,
        description="Seconds between two transactions of a recorder. A smaller value stores sooner; a larger one costs the database "
        "less.",
    )
    batches_at_once: int = Field(
        default=200,
        ge=10,
        le=5000,
        description="Most batches in one transaction, of which a source has ten a second. More catch up faster after a pause of the "
        "database; fewer need less memory.",
    )
    log_batches: int = Field(
        default=36_000,
        ge=1_000,
        le=1_000_000,
        description="Batches of each source that Redis keeps for a recorder that is away: ten a second, so that 36000 are an hour. More "
        "bridges a longer pause, and takes memory of Redis: up to 1 MB a minute for 60 busy instruments.",
    )

    backfill: bool = Field(
        default=True,
        description="Whether recorders fetch the sources' own candles of a minute, to fill minutes that were missed and to compare the "
        "others. false makes no calls, and leaves gaps as they are.",
    )
    backfill_hours: float = Field(
        default=24.0,
        ge=1,
        le=24 * 90,
        description="Hours back to which minutes are filled and compared. More restores longer outages and gives new instruments a longer "
        "past, and takes more calls: a day of an instrument is 2 to 5. Kraken has 12 hours.",
    )
    kline_calls_per_minute: int = Field(
        default=30,
        ge=1,
        le=600,
        description="Most calls a minute for candles, for each source. More fills sooner; Kraken allows about 60, Coinbase and OKX 600, "
        "Binance 3000, all of which other programs at the same address share.",
    )

    @property
    def backfill_span(self) -> timedelta:
        """`backfill_hours` as a time span."""
        return timedelta(hours=self.backfill_hours)

    @property
    def keep_seconds(self) -> timedelta:
        """`keep_seconds_days` as a time span."""
        return timedelta(days=self.keep_seconds_days)

    @property
    def keep_minutes(self) -> timedelta:
        """`keep_minutes_days` as a time span."""
        return timedelta(days=self.keep_minutes_days)
