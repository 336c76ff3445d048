"""What resolvers reach: the gateway's answers, nothing else."""

from dataclasses import dataclass

from strawberry.types import Info as StrawberryInfo

from gateway.catalog import InstrumentCatalog
from gateway.live import Live
from gateway.rates import Rates


@dataclass(frozen=True, slots=True)
class Context:
    """One for all requests: it holds nothing of any of them."""

    rates: Rates
    live: Live
    catalog: InstrumentCatalog


Info = StrawberryInfo[Context, None]
