"""What every push feed wants to be told; its figures are each source's own."""

from collections.abc import Mapping

from pydantic import Field
from pydantic_settings import BaseSettings


class FeedSettings(BaseSettings):
    """Timing of one source's push feed; a source's own settings derive from it and bring their addresses."""

    connect_timeout_s: float = Field(
        default=10.0,
        gt=0,
        le=60,
        description="Seconds for opening a connection, and for each piece of the listing. Longer bears slow networks; shorter "
        "tries again sooner.",
    )
    idle_timeout_s: float = Field(
        default=15.0,
        gt=0,
        le=600,
        description="Seconds without any message after which a connection counts as dead; the source says something more often "
        "than that even when nothing is traded. Smaller finds a dead one sooner; larger bears worse networks.",
    )
    first_message_timeout_s: float = Field(
        default=20.0,
        gt=0,
        le=3600,
        description="Seconds from the opening of a connection within which every symbol should have said something; one that "
        "has not is shown as silent. Smaller tells sooner; larger bears more symbols, which are subscribed one after the other.",
    )
    longest_wait_s: float = Field(
        default=30.0,
        gt=0,
        le=600,
        description="Longest wait between attempts to reconnect; the first ones come after a fraction of a second.",
    )


def simulated_settings(at: Mapping[str, str]) -> dict[str, str]:
    """Settings of a source with a push feed and a listing, from where the simulator plays both."""
    return {"stream_urls": at["stream_url"], "rest_url": at["rest_url"]}
