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
        description="Folder of the database of tracked instruments. It is created. Delete it to start afresh.",
    )
    consumers: int = Field(
        default=2,
        ge=1,
        le=16,
        description="Number of Binance consumers. More of them handle more instruments; each has a session with "
        "Binance.",
    )
