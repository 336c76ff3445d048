"""Settings shared by several services, and loading of settings from the environment."""

import json
import os
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import Field, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict, SettingsError

from rates.errors import InvalidSetting
from rates.source import Source

PREFIX = "RATEWIRE_"
GATEWAY_PREFIX = "RATEWIRE_GATEWAY_"
DEFAULT_TTL_S = {source: source.ttl_s for source in Source}
SettingsT = TypeVar("SettingsT", bound=BaseSettings)


class CacheSettings(BaseSettings):
    """Redis, the cache between pipeline and gateway."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, env_ignore_empty=True, extra="ignore")

    redis_url: str = Field(
        default="redis://127.0.0.1:6379/0",
        description="Redis that holds the cache and carries the updates: redis://[user:password@]host:port/db, "
        "redis+sentinel://[user:password@]host:port,host:port/service/db or "
        "redis+cluster://[user:password@]host:port,host:port; rediss… for TLS.",
    )
    simulated: bool = Field(
        default=False,
        description="Whether the sources are simulated. Simulated data has Redis keys of its own and is labelled wherever it "
        "is shown; a source of the other kind is refused. Must be the same for pipeline and gateway.",
    )


class QueueSettings(BaseSettings):
    """RabbitMQ, the task queue between producer and consumers."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, env_ignore_empty=True, extra="ignore")

    amqp_url: str = Field(
        default="amqp://guest:guest@127.0.0.1:5672/",
        description="RabbitMQ that carries the fetch tasks: amqp://user:password@host:port/vhost.",
    )


class DatabaseSettings(BaseSettings):
    """Postgres or SQLite, the persistent storage."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, env_ignore_empty=True, extra="ignore")

    database_url: str = Field(
        default="postgresql+asyncpg://ratewire:ratewire@127.0.0.1:5432/ratewire",
        description="Database that keeps the tracked instruments: postgresql+asyncpg://user:password@host:port/name, or "
        "sqlite+aiosqlite:///path.",
    )
    max_instrument_loss_percent: float = Field(
        default=20.0,
        gt=0,
        le=100,
        description="Share of all tracked instruments, or of those of one source, that may be missing in the database at once without a command "
        "that removed them. Beyond it the last known ones are kept. More lets edits of the table pass; less holds back smaller ones.",
    )
    instrument_hold_s: float = Field(
        default=86_400.0,
        ge=0,
        le=365 * 86_400,
        description="Seconds for which such instruments are kept. Then the table is taken as it is. 0: at once, without any check.",
    )


class ProcessSettings(BaseSettings):
    """Start-up, logging, clock and heartbeat of a process."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, env_ignore_empty=True, extra="ignore")

    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="Least severe level that is logged."
    )
    log_format: Literal["console", "json"] = Field(
        default="console",
        description="`console` is for people, `json` gives one object a line for collectors.",
    )
    startup_timeout_s: float = Field(
        default=60.0,
        gt=0,
        le=3600,
        description="Seconds for which a starting process keeps trying to reach Redis, RabbitMQ and the database before it "
        "gives up with exit code 1. Longer survives a slow start of the others; shorter reports a mistake sooner.",
    )
    max_clock_skew_s: float = Field(
        default=600.0,
        ge=1,
        le=7 * 86_400,
        description="Seconds by which this machine's clock may differ from that of Redis and the sources: ages are corrected for it. Beyond "
        "it the process is not ready. More keeps a machine with a wrong clock in service for longer; less takes it out sooner.",
    )
    heartbeat_file: Path | None = Field(
        default=None,
        description="File whose modification time a pipeline process renews while it works, for health checks; empty: none.",
    )

    @property
    def max_clock_skew(self) -> timedelta:
        """`max_clock_skew_s` as a time span."""
        return timedelta(seconds=self.max_clock_skew_s)


def parse_json(value: Any) -> Any:
    """Return the JSON value of a text, and other values as they are.

    Raises:
        ValueError: the text is no JSON.
    """
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except json.JSONDecodeError as exc:
        raise ValueError(f"expected JSON: {exc}") from exc


class FreshnessSettings(BaseSettings):
    """The TTL of the sources: settings of the gateways, which recorders need too."""

    model_config = SettingsConfigDict(env_prefix=GATEWAY_PREFIX, extra="ignore")

    ttl_s: Annotated[dict[Source, Annotated[float, Field(gt=0, le=86_400)]], NoDecode] = Field(
        default=DEFAULT_TTL_S,
        description="Seconds for which a source's rate counts as FRESH, from the time the source observed it, as JSON, e.g. "
        '{"binance": 10, "coingecko": 180}; sources left out keep their default. Longer hides an outage for longer; shorter '
        "than the time between two observations calls live rates STALE. Must be the same for gateways and recorders.",
    )

    @field_validator("ttl_s", mode="before")
    @classmethod
    def _read_ttl(cls, value: Any) -> Any:
        return parse_json(value)

    @field_validator("ttl_s")
    @classmethod
    def _fill_ttl(cls, value: dict[Source, float]) -> dict[Source, float]:
        return {**DEFAULT_TTL_S, **value}

    @property
    def ttl(self) -> dict[Source, timedelta]:
        """`ttl_s` as time spans of whole milliseconds, the unit in which clients see them."""
        return {
            source: timedelta(milliseconds=max(1, round(seconds * 1000)))
            for source, seconds in self.ttl_s.items()
        }


def load_settings(settings: type[SettingsT], **given: Any) -> SettingsT:
    """Load settings from the environment; `given` values (command line) take precedence.

    Raises:
        InvalidSetting: names the first unusable variable, its value and what is expected.
    """
    try:
        return settings(**given)
    except ValidationError as exc:
        error = exc.errors()[0]
        field = str(error["loc"][0]) if error["loc"] else ""
        variable = f"{settings.model_config.get('env_prefix', '')}{field}".upper()
        raise InvalidSetting(variable, error.get("input"), error["msg"]) from exc
    except SettingsError as exc:
        # The message of the exception names the field, but neither the variable nor its value.
        field = str(exc).partition('field "')[2].partition('"')[0]
        variable = f"{settings.model_config.get('env_prefix', '')}{field}".upper()
        raise InvalidSetting(variable, os.environ.get(variable), "expected JSON") from exc
