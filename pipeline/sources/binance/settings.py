"""Addresses and timeouts of Binance."""

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from pipeline.feeds.websocket_urls import WebSocketUrls


class BinanceSettings(BaseSettings):
    """Binance Spot."""

    model_config = SettingsConfigDict(env_prefix="RATEWIRE_BINANCE_", env_ignore_empty=True, extra="ignore")

    ws_api_url: str = Field(
        default="wss://ws-api.binance.com:443/ws-api/v3",
        pattern=r"^wss?://",
        description="WebSocket API that answers the consumers' tasks.",
    )
    stream_urls: WebSocketUrls = Field(
        default=(
            "wss://data-stream.binance.vision",
            "wss://stream.binance.com:9443",
            "wss://stream.binance.com:443",
        ),
        description="Market streams of the push feed, without the path, separated by commas. The first that works "
        "is used, and the first of all again once it is back. The default's first serves market data "
        "only.",
    )
    rest_url: str = Field(
        default="https://data-api.binance.vision",
        pattern=r"^https?://",
        description="REST API, without the path, used for Binance's listing (exchangeInfo, weight 20) and its klines (weight 2).",
    )
    connect_timeout_s: float = Field(
        default=10.0,
        gt=0,
        le=60,
        description="Seconds for opening a connection. A larger value tolerates slow networks; a smaller one "
        "tries again sooner.",
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
        description="Seconds without any message on a connection of the push feed after which it counts as dead, "
        "unless it answers a ping and such silence is usual for it. Liquid pairs are never silent for "
        "4 s. A smaller value detects dead connections sooner; a larger one tolerates worse networks.",
    )
    first_message_timeout_s: float = Field(
        default=60.0,
        gt=0,
        le=3600,
        description="Seconds after a connection was opened within which every symbol should have had a message. A "
        "symbol without one is reported as silent. There is no snapshot after subscribing: a smaller "
        "value finds symbols that do not exist sooner, and reports quiet ones as silent.",
    )
    connection_lifetime_s: float = Field(
        default=23 * 3600.0,
        gt=0,
        le=24 * 3600,
        description="Seconds after which a connection of the push feed is replaced, with an overlap. Binance "
        "closes it after 24 hours. A smaller value replaces it more often.",
    )
    longest_wait_s: float = Field(
        default=30.0,
        gt=0,
        le=600,
        description="Longest wait between attempts to reconnect. The first ones come after a fraction of a "
        "second. Binance allows 300 attempts in 5 minutes per address.",
    )
