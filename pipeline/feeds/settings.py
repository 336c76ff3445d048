"""Settings that all push feeds share. Each source has its own defaults."""

from collections.abc import Mapping

from pydantic import Field
from pydantic_settings import BaseSettings


class FeedSettings(BaseSettings):
    """Timing of one source's push feed. Sources derive from it and add their addresses."""

    connect_timeout_s: float = Field(
        default=10.0,
        gt=0,
        le=60,
        description="Seconds for opening a connection, and for each chunk of the listing. A larger value "
        "tolerates slow networks; a smaller one tries again sooner.",
    )
    idle_timeout_s: float = Field(
        default=15.0,
        gt=0,
        le=600,
        description="Seconds without any message after which a connection counts as dead. The source sends "
        "something more often than that even without trades. A smaller value detects dead connections "
        "sooner; a larger one tolerates worse networks.",
    )
    first_message_timeout_s: float = Field(
        default=20.0,
        gt=0,
        le=3600,
        description="Seconds after a connection was opened within which every symbol should have had a message. A "
        "symbol without one is reported as silent. A smaller value reports it sooner; a larger one "
        "allows for more symbols, which are subscribed one after the other.",
    )
    longest_wait_s: float = Field(
        default=30.0,
        gt=0,
        le=600,
        description="Longest wait between attempts to reconnect. The first ones come after a fraction of a "
        "second.",
    )


def simulated_settings(at: Mapping[str, str]) -> dict[str, str]:
    """Settings of a source with a push feed and a listing, from where the simulator plays both."""
    return {"stream_urls": at["stream_url"], "rest_url": at["rest_url"]}
