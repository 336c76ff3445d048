"""OKX as the composition sees it."""

from datetime import timedelta

from pipeline.budget.limits import CallLimits
from pipeline.feeds.settings import simulated_addresses
from pipeline.sources.listing import listing_over_rest
from pipeline.sources.okx.listing import PARAMS, PATH, parse_listing
from pipeline.sources.okx.protocol import OkxFeed
from pipeline.sources.okx.settings import OkxSettings
from pipeline.sources.parts import SourceFolder, SourceParts
from pipeline.sources.push_only import push_only
from rates.source import Source

# Three a second are allowed an address: one, so that three replicas may share it.
ATTEMPTS = (CallLimits(1, timedelta(seconds=1)),)
# Two requests of 200 instruments, out of the 480 operations an hour.
INSTRUMENTS_PER_CONNECTION = 300


def okx(settings: OkxSettings) -> SourceParts:
    """A push feed; nothing is ever asked but what is listed."""
    return push_only(
        Source.OKX,
        settings,
        OkxFeed,
        endpoints=settings.stream_urls,
        instruments_per_connection=INSTRUMENTS_PER_CONNECTION,
        attempts=ATTEMPTS,
        open_listing=listing_over_rest(
            Source.OKX,
            settings.rest_url,
            PATH,
            parse_listing,
            params=PARAMS,
            timeout_s=settings.connect_timeout_s,
        ),
    )


FOLDER = SourceFolder(settings=OkxSettings, build=okx, simulated=simulated_addresses)
