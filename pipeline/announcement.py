"""Announcements of a source. Plain values."""

from datetime import datetime

import msgspec


class Announcement(msgspec.Struct, frozen=True):
    """An event that a source has announced. Until `begins_at` it takes nothing from the source."""

    text: str
    begins_at: datetime
