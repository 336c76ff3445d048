"""How producer, consumers and push feed work, whatever the source."""

import json
from datetime import timedelta
from typing import Annotated

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from rates.source import Source

Interval = Annotated[float, Field(ge=0.1, le=3600)]
ListingInterval = Annotated[float, Field(ge=1, le=7 * 86_400)]


def read_intervals(value: object) -> object:
    """Seconds by source, which the environment holds as JSON.

    Raises:
        ValueError: it is none.
    """
    try:
        return json.loads(value) if isinstance(value, str) else value
    except ValueError as exc:
        raise ValueError('expected JSON such as {"coingecko": 20}') from exc


class ProducerSettings(BaseSettings):
    """How often rates are asked for."""

    model_config = SettingsConfigDict(env_prefix="RATEWIRE_PRODUCER_", env_ignore_empty=True, extra="ignore")

    interval_s: Interval = Field(
        default=4.0,
        description="Seconds between two rounds of tasks. Fewer makes values younger and costs calls at every source; more "
        "than a source's TTL makes them stale. Must be the same for all producers.",
    )
    intervals_s: Annotated[dict[Source, Interval], NoDecode] = Field(
        default_factory=dict,
        description='Seconds for single sources where they differ from the above, as JSON: {"coingecko": 20}.',
    )
    refresh_s: float = Field(
        default=2.0,
        gt=0,
        le=300,
        description="Seconds between readings of the tracked instruments. Fewer picks changes up sooner; more asks the "
        "database less.",
    )

    _parse_json = field_validator("intervals_s", mode="before")(read_intervals)

    def interval(self, source: Source) -> timedelta:
        """The time between two ticks of one source."""
        return timedelta(seconds=self.intervals_s.get(source, self.interval_s))


class IngestSettings(BaseSettings):
    """What is believed."""

    model_config = SettingsConfigDict(env_prefix="RATEWIRE_INGEST_", env_ignore_empty=True, extra="ignore")

    max_skew_s: float = Field(
        default=10.0,
        ge=0,
        le=3600,
        description="Seconds that an observation may lie in the future: clocks differ. Larger believes a source whose clock "
        "is further off; smaller refuses more of it, counted in its health.",
    )


class ConsumerSettings(BaseSettings):
    """How one consumer works on its tasks."""

    model_config = SettingsConfigDict(env_prefix="RATEWIRE_CONSUMER_", env_ignore_empty=True, extra="ignore")

    fetch_timeout_s: float = Field(
        default=15.0,
        gt=0,
        le=300,
        description="Longest time for one task's answer; its deadline usually comes first. Matters with long intervals: "
        "smaller gives a task up sooner, larger bears a slow source.",
    )
    grace_s: float = Field(
        default=5.0,
        ge=0,
        le=60,
        description="Seconds in which a stopping consumer may finish the task in hand before it gives it back. Must be "
        "shorter than the time after which the process is killed.",
    )


class StreamSettings(BaseSettings):
    """How a push feed is written down."""

    model_config = SettingsConfigDict(env_prefix="RATEWIRE_STREAM_", env_ignore_empty=True, extra="ignore")

    flush_interval_ms: int = Field(
        default=100,
        ge=1,
        le=10_000,
        description="Milliseconds of a push feed that go into one write, newest per symbol. Smaller is more immediate and "
        "writes more often; larger skips more intermediate values.",
    )
    silent_after_s: float = Field(
        default=30.0,
        gt=0,
        le=3600,
        description="Seconds without a message, or with the same one over and over, before any symbol may be shown as silent; one "
        "that is used to longer rests has longer. Smaller tells of a frozen symbol sooner, and of quiet ones more often.",
    )
    endpoint_rest_s: float = Field(
        default=600.0,
        gt=0,
        le=24 * 3600,
        description="Seconds for which an address of a source that failed three times in a row is left for the next one. "
        "Smaller returns to the preferred address sooner; larger bothers a broken one less.",
    )
    refresh_s: float = Field(
        default=2.0,
        gt=0,
        le=300,
        description="Seconds between readings of the tracked instruments. Fewer picks changes up sooner; more asks the "
        "database less.",
    )


class ListingSettings(BaseSettings):
    """How often sources are asked what they list (`ratewire listings`)."""

    model_config = SettingsConfigDict(env_prefix="RATEWIRE_LISTINGS_", env_ignore_empty=True, extra="ignore")

    interval_s: ListingInterval = Field(
        default=300.0,
        description="Seconds between two readings of a source's listing. Fewer notices a halt and its end sooner and costs calls "
        "(Binance: weight 20 of 6000 a minute).",
    )
    intervals_s: Annotated[dict[Source, ListingInterval], NoDecode] = Field(
        default={Source.COINGECKO: 21_600.0},
        description='Seconds for single sources where they differ from the above, as JSON: {"coingecko": 21600}. CoinGecko\'s '
        "list counts against its quota and hardly changes.",
    )

    _parse_json = field_validator("intervals_s", mode="before")(read_intervals)

    def interval(self, source: Source) -> timedelta:
        """The time between two readings of one source's listing."""
        return timedelta(seconds=self.intervals_s.get(source, self.interval_s))
