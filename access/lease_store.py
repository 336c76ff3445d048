"""The port through which gateways lease points of a shared budget."""

from typing import NamedTuple, Protocol

from access.gcra import BucketLimits


class LeaseRequest(NamedTuple):
    """A request of one gateway for points of one account."""

    account: str
    limits: BucketLimits | None
    """`None`: no points are limited, only streams are noted."""
    wanted: int
    least: int
    """Points that are needed; fewer are not leased."""
    stream_points: int = 0
    """Points a second of the streams of the account on this gateway."""
    debt: int = 0
    """Points that were spent while the store was away."""


class Lease(NamedTuple):
    """Leased points, and what is known of the account."""

    points: int
    available: int
    """Points that are left in the shared budget; below 0 while a debt is paid."""
    retry_s: float
    """Seconds until the points that were needed are available; 0 if they were leased."""
    other_stream_points: int
    """Points a second of the streams of the account on other gateways."""
    gateways: int
    """Gateways that serve the account, this one included."""


class LeaseStore(Protocol):
    """A budget for each account, shared by all gateways."""

    async def take(self, request: LeaseRequest, /) -> Lease:
        """Lease points.

        Raises:
            CacheUnavailable: the budgets cannot be reached; the points may have been leased all the same, and are lost then.
        """
        ...
