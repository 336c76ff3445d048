"""The listing of a source that answers one question over REST with all of it: asked, read, nothing else."""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager

from instruments.listed import ListedInstrument
from pipeline.net.rest_client import RestClient, open_rest_client
from pipeline.ports import ListingFetcher
from pipeline.sources.adapter import OpenListingFetcher, SourceContext
from rates.source import Source

Parse = Callable[[bytes], Sequence[ListedInstrument]]


class RestListing:
    """A `ListingFetcher`; `parse` reads the answer whole or raises `SourceError`."""

    def __init__(self, rest: RestClient, path: str, params: Mapping[str, str], parse: Parse) -> None:
        self._rest, self._path, self._params, self._parse = rest, path, params, parse

    async def fetch_listing(self) -> Sequence[ListedInstrument]:
        return self._parse(await self._rest.fetch_json(self._path, self._params))


def rest_listing(
    source: Source,
    base_url: str,
    path: str,
    parse: Parse,
    *,
    params: Mapping[str, str] | None = None,
    timeout_s: float,
) -> OpenListingFetcher:
    """What `SourceAdapter.open_listing` wants."""

    @asynccontextmanager
    async def open_listing(context: SourceContext) -> AsyncIterator[ListingFetcher]:
        async with open_rest_client(source, base_url, context, timeout_s=timeout_s) as rest:
            yield RestListing(rest, path, params or {}, parse)

    return open_listing
