"""Where CoinGecko is, who asks and how often it may be asked."""

from typing import Literal

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

Plan = Literal["keyless", "demo", "pro"]


class CoinGeckoSettings(BaseSettings):
    """CoinGecko v3."""

    model_config = SettingsConfigDict(env_prefix="RATEWIRE_COINGECKO_", env_ignore_empty=True, extra="ignore")

    url: str | None = Field(
        default=None,
        pattern=r"^https?://",
        description="Base URL, version included; empty: the plan's own host. A key works on the host of its plan only.",
    )
    plan: Plan = Field(
        default="keyless",
        description="`keyless` shares its limit with everyone behind the same address, `demo` and `pro` need `api_key`.",
    )
    api_key: SecretStr | None = Field(default=None, description="Key of the plan; never logged.")
    calls_per_minute: int = Field(
        default=30,
        ge=1,
        le=10_000,
        description="Calls in any minute, over all consumers. More is refused by CoinGecko with a minute's lock-out for "
        "everybody; fewer makes values older. A demo key has about 30, keyless in practice fewer than 5.",
    )
    calls_per_month: int | None = Field(
        default=None,
        ge=1,
        description="Monthly quota of the plan (a demo key has 10000 credits), counted by calendar month in UTC and spread over what is "
        "left of it; empty: none. With 10000 a call is due every 268 s, which is beyond CoinGecko's TTL. The same for all "
        "processes that ask CoinGecko.",
    )
    timeout_s: float = Field(
        default=10.0,
        gt=0,
        le=60,
        description="Seconds for one answer. Longer bears a slow edge; a task's deadline cuts it short in any case.",
    )
    update_interval_s: float | None = Field(
        default=None,
        ge=0,
        le=3600,
        description="Seconds between updates of a coin, used to skip calls where an answer has no Cache-Control; empty: the "
        "plan's own (60, or 20 for pro); 0: never skip for that reason.",
    )
    jitter_s: float = Field(
        default=1.0,
        ge=0,
        le=10,
        description="Longest random wait before a call, in seconds. Longer keeps further apart from others behind the same address "
        "who ask by the clock; it must leave room for the answer before the task's deadline.",
    )
