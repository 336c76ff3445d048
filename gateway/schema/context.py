"""The context of resolvers: the gateway's services and the metadata of the operation."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, NamedTuple, Protocol, Self

from strawberry.types import Info as StrawberryInfo

from access.principal import ANONYMOUS, Principal
from gateway.budgets.account import Account
from gateway.budgets.account_registry import Accounts
from gateway.budgets.open_stream import OpenStream
from gateway.queries.candles.reader import CandlesReader
from gateway.queries.candles.stats_reader import StatsReader
from gateway.queries.consensus.reader import ConsensusReader
from gateway.queries.conversion.converter import Converter
from gateway.queries.history_readers import HistoryReaders
from gateway.queries.rate import Rate
from gateway.queries.rate_reader import RateReader
from gateway.queries.rates_query import ANY_AGE, FreshnessPolicy
from gateway.request import GraphQLRequest
from gateway.state.catalog import InstrumentCatalog
from gateway.subscriptions.delivery_options import DeliveryOptions
from gateway.subscriptions.live_queries import LiveQueries


@dataclass(slots=True)
class OperationMetadata:
    """Data of one operation that its transport and its resolvers exchange."""

    resume_from: str | None = None
    """Cursor that a reader brings outside of the document. It is newer than an argument `after`: a browser that comes back asks
    with its first request's arguments."""
    cursor: str | None = None
    """Cursor of the event told last."""
    fresh_for: timedelta | None = None
    """How long all rates in the answer stay as fresh as it says and as was asked for; negative once one is not."""
    stream: OpenStream | None = None
    """A subscription, in the budget of its client."""
    no_store: bool = False
    """Whether the answer holds something that is true at its moment only."""
    principal: Principal = ANONYMOUS
    """Who asks."""

    @property
    def is_throttled(self) -> bool:
        """Whether a subscription gets fewer events than it asked for."""
        return self.stream is not None and self.stream.is_throttled

    def note_rates(self, rates: Iterable[Rate], policy: FreshnessPolicy = ANY_AGE) -> None:
        """Note rates in the result that were requested with that policy."""
        for rate in rates:
            lasts = rate.ttl if policy.max_age is None else min(rate.ttl, policy.max_age)
            self.note_fresh_for(rate.ticker.observed_at + lasts - rate.now)
            if policy.max_trade_age is not None and rate.ticker.last_trade_at is not None:
                self.note_fresh_for(rate.ticker.last_trade_at + policy.max_trade_age - rate.now)

    def note_fresh_for(self, left: timedelta) -> None:
        """Note that a part of the result stays fresh that long."""
        self.fresh_for = left if self.fresh_for is None else min(self.fresh_for, left)


class OperationPrice(NamedTuple):
    """The points of an operation, or the first error for which it would not be executed."""

    points: int = 0
    limit: int = 0
    points_per_second: int | None = None
    error: dict[str, Any] | None = None


class GatewayServices(Protocol):
    """The services of a gateway that resolvers use."""

    rates: RateReader
    live_queries: LiveQueries
    catalog: InstrumentCatalog
    consensus: ConsensusReader
    converter: Converter
    candles: CandlesReader
    stats: StatsReader
    history: HistoryReaders


@dataclass(frozen=True, slots=True)
class Context:
    """The services of the gateway, shared by all operations, and the metadata of one operation."""

    rates: RateReader
    live_queries: LiveQueries
    catalog: InstrumentCatalog
    consensus: ConsensusReader
    converter: Converter
    candles: CandlesReader
    stats: StatsReader
    history: HistoryReaders
    metadata: OperationMetadata = field(default_factory=OperationMetadata)
    account: Account | None = None
    """The budget of the client, if its transport has one."""
    accounts: Accounts | None = None
    price: Callable[[GraphQLRequest], OperationPrice] | None = None
    """Prices an operation without executing it."""

    def limit(self, options: DeliveryOptions) -> DeliveryOptions:
        """Return the options of a subscription, as far as the budget of streams allows them."""
        return options.throttled() if self.metadata.is_throttled else options

    @classmethod
    def of(cls, gateway: GatewayServices, accounts: Accounts | None = None) -> Self:
        """Create the context over the services of `gateway`, with the budgets of clients."""
        return cls(
            gateway.rates,
            gateway.live_queries,
            gateway.catalog,
            gateway.consensus,
            gateway.converter,
            gateway.candles,
            gateway.stats,
            gateway.history,
            accounts=accounts,
        )


Info = StrawberryInfo[Context, None]
