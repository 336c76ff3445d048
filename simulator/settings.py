"""Settings of the simulator, read from `RATEWIRE_SIMULATOR_*`."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict


class SimulatorSettings(BaseSettings):
    """Behaviour of the simulated exchanges. Defaults are the real exchanges' documented figures."""

    model_config = SettingsConfigDict(env_prefix="RATEWIRE_SIMULATOR_", frozen=True)

    host: str = Field(
        default="127.0.0.1",
        description="Address to listen on. Loopback by default; 0.0.0.0 inside a container makes it reachable from outside.",
    )
    http_port: int = Field(
        default=9101,
        ge=0,
        le=65535,
        description="Port of all REST interfaces and of the status. 0 takes any free port and the log says which.",
    )
    ws_port: int = Field(
        default=9102,
        ge=0,
        le=65535,
        description="Port of all socket services. 0 takes any free port and the log says which.",
    )
    seed: int = Field(
        default=1,
        description="Seed of the generated prices. Another value gives another market; the same value and start the same one.",
    )
    max_lag_seconds: float = Field(
        default=0.5,
        gt=0,
        description="How far generated prices may fall behind the clock on a busy machine before the missed events are"
        " skipped. Smaller keeps prices more current; larger skips less.",
    )
    replay: Annotated[tuple[Path, ...], NoDecode] = Field(
        default=(),
        description="Recordings to replay instead of generating prices, separated by commas. Empty: generated prices.",
    )
    speed: float = Field(
        default=1.0,
        gt=0,
        le=1e12,
        description="How many times faster than recorded a replay runs. Below 1 it runs slower; very large values send"
        " everything as fast as clients read.",
    )
    times: Literal["shifted", "original"] = Field(
        default="shifted",
        description="Event times of a replay: `shifted` so that the recording begins now, or `original`, untouched.",
    )
    begin: Literal["first-client", "at-once"] = Field(
        default="first-client",
        description="When a replay's clock starts: with the first client that subscribes or asks for a price, or at once.",
    )
    binance_weight_limit: int = Field(
        default=6000,
        gt=0,
        description="Binance request weight per wall-clock minute and address. A smaller value refuses clients sooner.",
    )
    binance_refusals_before_ban: int = Field(
        default=10,
        gt=0,
        description="How many refused (429) requests in one minute turn into a ban (418). Smaller bans sooner.",
    )
    binance_ban_seconds: float = Field(
        default=120.0,
        gt=0,
        description="Length of the first Binance ban; each further one is twice as long, up to three days. Larger keeps"
        " careless clients out longer.",
    )
    binance_messages_per_second: int = Field(
        default=5,
        gt=0,
        description="Messages (pings, pongs and JSON) a stream client may send in any second before it is cut with 1008."
        " Smaller cuts sooner.",
    )
    binance_streams_per_connection: int = Field(
        default=1024,
        gt=0,
        description="Streams one connection may subscribe. A smaller value makes clients spread over more connections.",
    )
    binance_connections_per_5_minutes: int = Field(
        default=300,
        gt=0,
        description="Connection attempts per address in five minutes, for each of the two socket services. A smaller value"
        " punishes quick reconnecting sooner.",
    )
    binance_nested_errors: bool = Field(
        default=False,
        description="Shape of errors on market streams: flat as documented, or nested under `error` as seen in the field.",
    )
    binance_ping_seconds: float = Field(
        default=20.0,
        gt=0,
        description="Time between the server's ping frames. Smaller finds dead clients sooner and sends more frames.",
    )
    binance_pong_timeout_seconds: float = Field(
        default=60.0,
        gt=0,
        description="How long a ping may stay without its pong before the connection is cut. Smaller is less patient.",
    )
    binance_connection_lifetime_seconds: float = Field(
        default=86_400.0,
        gt=0,
        description="Age at which a socket connection is cut. A smaller value makes clients reconnect more often.",
    )
    coingecko_calls_per_minute: int | None = Field(
        default=None,
        ge=0,
        description="CoinGecko calls per minute for each key or address; one more is answered with 429 and locks the"
        " caller out for a minute. Empty: 4 without a key, 30 with one. 0 takes the limit away.",
    )
    coingecko_refresh_seconds: float = Field(
        default=60.0,
        ge=1,
        description="How often CoinGecko's generated values change and how long its edge keeps an answer. Larger makes"
        " its rates older.",
    )
    coingecko_host: Literal["public", "pro"] = Field(
        default="public",
        description="Which CoinGecko host is played: `public` takes demo keys or none, `pro` takes pro keys only.",
    )
    coingecko_keys: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(),
        description="API keys that are accepted, separated by commas; with any given, one is required. Empty accepts every"
        " key of the right kind.",
    )

    @field_validator("replay", "coingecko_keys", mode="before")
    @classmethod
    def _split_commas(cls, value: object) -> object:
        return [part for part in value.split(",") if part] if isinstance(value, str) else value
