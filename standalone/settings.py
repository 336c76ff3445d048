"""Settings of the embedded system itself. Its parts read their own."""

from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class StandaloneSettings(BaseSettings):
    """The embedded system (`ratewire up`)."""

    model_config = SettingsConfigDict(
        env_prefix="RATEWIRE_STANDALONE_", env_ignore_empty=True, extra="ignore"
    )

    folder: Path = Field(
        default=Path(".run"),
        description="Folder for the database of tracked instruments; it is created. Delete it to start afresh.",
    )
    consumers: int = Field(
        default=2,
        ge=1,
        le=16,
        description="Binance consumers side by side. More keep up with more instruments; each holds a session with Binance.",
    )
