"""Where Binance is and how long to wait for it."""

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class BinanceSettings(BaseSettings):
    """Binance Spot."""

    model_config = SettingsConfigDict(env_prefix="RATEWIRE_BINANCE_", env_ignore_empty=True, extra="ignore")

    ws_api_url: str = Field(
        default="wss://ws-api.binance.com:443/ws-api/v3",
        pattern=r"^wss?://",
        description="WebSocket API that answers the consumers' tasks.",
    )
    stream_url: str = Field(
        default="wss://data-stream.binance.vision",
        pattern=r"^wss?://",
        description="Market streams for the push feed, without the path; the default host serves market data only.",
    )
    rest_url: str = Field(
        default="https://data-api.binance.vision",
        pattern=r"^https?://",
        description="REST API, without the path, asked for nothing but what Binance lists (exchangeInfo, weight 20).",
    )
    connect_timeout_s: float = Field(
        default=10.0,
        gt=0,
        le=60,
        description="Seconds for opening a connection. Longer bears slow networks; shorter tries again sooner.",
    )
    request_timeout_s: float = Field(
        default=3.0,
        gt=0,
        le=30,
        description="Seconds to wait for one answer of the WebSocket API (which itself gives up after 10). Longer bears a "
        "busy exchange; shorter finds a dead connection sooner. A task's deadline cuts it short.",
    )
    idle_timeout_s: float = Field(
        default=20.0,
        gt=0,
        le=600,
        description="Seconds without any message of the push feed after which the connection counts as dead. Liquid pairs "
        "are never silent for 4 s; raise it when only illiquid pairs are tracked, or they reconnect for nothing.",
    )
    longest_wait_s: float = Field(
        default=30.0,
        gt=0,
        le=600,
        description="Longest wait between attempts to reconnect; the first ones come after a fraction of a second. Binance "
        "allows 300 attempts in 5 minutes per address.",
    )
