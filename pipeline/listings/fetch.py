"""Fetches a listing in bounded time, however slowly it arrives."""

import asyncio
from datetime import timedelta

from instruments.listed import InstrumentListing
from pipeline.ports import ListingFetcher
from rates.errors import SourceUnavailable
from rates.source import Source

# A listing is up to 10 MB.
FETCH_TIMEOUT = timedelta(minutes=1)


async def fetch_listing(
    source: Source, fetcher: ListingFetcher, *, within: timedelta = FETCH_TIMEOUT
) -> InstrumentListing:
    """Fetch a whole listing.

    Raises:
        SourceError: the source did not deliver, or not `within` that time.
    """
    try:
        async with asyncio.timeout(within.total_seconds()):
            return await fetcher.fetch_listing()
    except TimeoutError as exc:
        raise SourceUnavailable(source, f"no listing within {within.total_seconds():g} s") from exc
