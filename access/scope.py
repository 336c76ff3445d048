"""The permissions that keys have. Standard library only, for the command line."""

from enum import StrEnum


class AccessScope(StrEnum):
    """A permission of a key."""

    READ = "read"
    """Current rates, and all that is not named below."""
    HISTORY = "history"
    """What is read from the stored history: candles, trades, statistics, values of the past."""
    ADMIN = "admin"
    """The admin API."""
