"""The bound on the time of a listing that arrives slowly."""

import asyncio
from contextlib import closing, suppress
from datetime import timedelta

import pytest

from instruments.listed import InstrumentListing
from pipeline.listings.fetch import fetch_listing
from pipeline.sources.rest_listing import rest_listing
from rates.errors import SourceUnavailable
from rates.source import Source
from tests.pipeline.fakes import source_context

pytestmark = pytest.mark.servers


async def trickle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Send a response without an end, a byte at a time, faster than any timeout between bytes."""
    await reader.readuntil(b"\r\n\r\n")
    writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\n\r\n")
    with closing(writer), suppress(ConnectionError):
        while not writer.is_closing():
            writer.write(b" ")
            await writer.drain()
            await asyncio.sleep(0.05)


async def test_a_listing_that_arrives_too_slowly_is_given_up() -> None:
    """The total time is bounded, too."""
    context = source_context(Source.KRAKEN)
    async with await asyncio.start_server(trickle, "127.0.0.1", 0) as server:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        open_listing = rest_listing(
            Source.KRAKEN, url, "/listing", lambda _body: InstrumentListing([]), timeout_s=60
        )
        async with open_listing(context) as listing, asyncio.timeout(30):
            with pytest.raises(SourceUnavailable, match=r"no listing within 0\.5 s"):
                await fetch_listing(Source.KRAKEN, listing, within=timedelta(seconds=0.5))
