"""Address, plan and limits of CoinGecko."""

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
        description="Base URL with the version. Empty: the plan's own host. A key works on the host of its plan "
        "only.",
    )
    plan: Plan = Field(
        default="keyless",
        description="`keyless` shares its limit with all clients behind the same address. `demo` and `pro` need "
        "`api_key`.",
    )
    api_key: SecretStr | None = Field(default=None, description="Key of the plan. Never logged.")
    calls_per_minute: int | None = Field(
        default=None,
        ge=1,
        le=10_000,
        description="Calls in any minute, over all consumers. More is rejected by CoinGecko, with a lock-out of a "
        "minute for all of them; less makes values older. Empty: 4 for keyless, of which CoinGecko "
        "was measured to take 3 to 6 before a lock-out; 30 with a key. One call has up to about 500 coins.",
    )
    calls_per_month: int | None = Field(
        default=None,
        ge=1,
        description="Monthly quota of the plan (a demo key has 10000 credits), counted by calendar month in UTC "
        "and spread over the rest of the month. Empty: none. With 10000, a call is due every 268 s, "
        "which is beyond CoinGecko's TTL. Must be the same for all processes that call CoinGecko.",
    )
    timeout_s: float = Field(
        default=10.0,
        gt=0,
        le=60,
        description="Seconds for one response. A larger value tolerates a slow edge. A task's deadline may end it "
        "sooner.",
    )
    update_interval_s: float | None = Field(
        default=None,
        ge=0,
        le=3600,
        description="Seconds between updates of a coin, used to skip calls if a response has no Cache-Control. "
        "Empty: the plan's own (60, or 20 for pro). 0: never skip for that reason.",
    )
    jitter_s: float = Field(
        default=1.0,
        ge=0,
        le=10,
        description="Longest random wait before a call, in seconds. A larger value spreads calls further from "
        "those of other clients behind the same address; it must leave time for the response before "
        "the task's deadline.",
    )
    first_backoff_s: float = Field(
        default=60.0,
        ge=0,
        le=3600,
        description="Seconds without a call after a block (403 and alike) or a server error; the second such response in "
        "a row doubles it, each further one makes it five times as long. A larger value spares the "
        "budget; a smaller one notices the recovery sooner.",
    )
