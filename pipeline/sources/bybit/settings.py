"""Addresses of Bybit. The timeouts are those of any push feed."""

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from pipeline.feeds.settings import FeedSettings
from pipeline.feeds.websocket_urls import WebSocketUrls


class BybitSettings(FeedSettings):
    """Bybit."""

    model_config = SettingsConfigDict(env_prefix="RATEWIRE_BYBIT_", env_ignore_empty=True, extra="ignore")

    stream_urls: WebSocketUrls = Field(
        default=("wss://stream.bybit.com/v5/public/spot",),
        description="WebSocket addresses of the push feed, separated by commas.",
    )
    rest_url: str = Field(
        default="https://api.bybit.com",
        pattern=r"^https?://",
        description="REST API, without the path, used for the listing of spot symbols and for klines.",
    )
