"""Septem's address; its timeouts are those of any push feed."""

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from pipeline.feeds.settings import FeedSettings
from pipeline.feeds.websocket_urls import WebSocketUrls


class SeptemSettings(FeedSettings):
    """Septem."""

    model_config = SettingsConfigDict(env_prefix="RATEWIRE_SEPTEM_", env_ignore_empty=True, extra="ignore")

    stream_urls: WebSocketUrls = Field(
        default=("wss://stream.septem.invalid/v1",),
        description="WebSocket addresses of the push feed, separated by commas.",
    )
