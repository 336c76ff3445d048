"""Addresses of OKX. The timeouts are those of any push feed."""

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from pipeline.feeds.settings import FeedSettings
from pipeline.feeds.websocket_urls import WebSocketUrls


class OkxSettings(FeedSettings):
    """OKX."""

    model_config = SettingsConfigDict(env_prefix="RATEWIRE_OKX_", env_ignore_empty=True, extra="ignore")

    stream_urls: WebSocketUrls = Field(
        default=("wss://ws.okx.com:443/ws/v5/public", "wss://ws.okx.com:8443/ws/v5/public"),
        description="WebSocket addresses of the push feed, separated by commas. The first that works is used, and the first of all again once it is back; 8443 is the older port.",
    )
    rest_url: str = Field(
        default="https://www.okx.com",
        pattern=r"^https?://",
        description="REST API, without the path, used for the listing of spot instruments and for candles.",
    )
