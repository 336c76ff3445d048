"""Listings that a source returns whole in one REST response."""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager

from instruments.listed import InstrumentListing
from pipeline.net.rest_client import RestClient, open_rest_client
from pipeline.ports import ListingFetcher
from pipeline.sources.adapter import OpenListingFetcher, SourceContext
from rates.source import Source

ParseListing = Callable[[bytes], InstrumentListing]


class RestListing:
    """A `ListingFetcher` for one REST request.

    `parse` reads the whole response or raises `SourceError`.
    """

    def __init__(self, client: RestClient, path: str, params: Mapping[str, str], parse: ParseListing) -> None:
        self._client, self._path, self._params, self._parse = client, path, params, parse

    async def fetch_listing(self) -> InstrumentListing:
        return self._parse(await self._client.fetch_json(self._path, self._params))


def rest_listing(
    source: Source,
    base_url: str,
    path: str,
    parse: ParseListing,
    *,
    params: Mapping[str, str] | None = None,
    timeout_s: float,
) -> OpenListingFetcher:
    """Build a `SourceAdapter.open_listing`. `timeout_s` as in `open_rest_client`."""

    @asynccontextmanager
    async def open_listing(context: SourceContext) -> AsyncIterator[ListingFetcher]:
        async with open_rest_client(
            source,
            base_url,
            context.cooldown,
            simulated=context.simulated,
            clock=context.clock,
            timeout_s=timeout_s,
        ) as client:
            yield RestListing(client, path, params or {}, parse)

    return open_listing
