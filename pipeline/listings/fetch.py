"""One question to a source: what it lists. Whoever waits for the answer waits for a bounded time, however slowly it comes."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta

from instruments.listed import ListedInstrument
from pipeline.ports import ListingFetcher
from rates.errors import SourceUnavailable
from rates.source import Source

# A listing is up to 10 MB.
FETCH_TIMEOUT = timedelta(minutes=1)


async def fetch_listing(
    source: Source, fetcher: ListingFetcher, *, within: timedelta = FETCH_TIMEOUT
) -> Sequence[ListedInstrument]:
    """The whole listing.

    Raises:
        SourceError: it could not be had, or not `within` that time.
    """
    try:
        async with asyncio.timeout(within.total_seconds()):
            return await fetcher.fetch_listing()
    except TimeoutError as exc:
        raise SourceUnavailable(source, "its listing did not come in time") from exc
