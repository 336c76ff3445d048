"""Addresses of Kraken. The timeouts are those of any push feed."""

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from pipeline.feeds.settings import FeedSettings
from pipeline.feeds.websocket_urls import WebSocketUrls


class KrakenSettings(FeedSettings):
    """Kraken."""

    model_config = SettingsConfigDict(env_prefix="RATEWIRE_KRAKEN_", env_ignore_empty=True, extra="ignore")

    stream_urls: WebSocketUrls = Field(
        default=("wss://ws.kraken.com/v2",),
        description="WebSocket addresses of the push feed, separated by commas.",
    )
    rest_url: str = Field(
        default="https://api.kraken.com",
        pattern=r"^https?://",
        description="REST API, without the path, used for the listing of pairs and for candles.",
    )
