"""The wiring of a gateway process, and its readiness."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from datetime import datetime, timedelta
from functools import partial
from math import inf

import structlog

from access.authority import KeyAuthority
from access.key_watch import KeyWatch
from access.memory_lease_store import MemoryLeaseStore
from access.plan import ANONYMOUS, SHIPPED_PLANS, PlanLimits
from cache.ports import TickerFeed
from gateway.admission import Admission
from gateway.authentication import Authentication
from gateway.budgets.account_registry import Accounts
from gateway.client_limits import ClientLimit, ClientLimits
from gateway.identity_watchdog import IdentityWatchdog, SuspicionRecords
from gateway.keyed_connections import KeyedConnections
from gateway.loop_lag import LoopLag
from gateway.pages import STATIC_DIRECTORY
from gateway.queries.candles.bounded_reads import BoundedReads
from gateway.queries.candles.parts_reader import CandlePartsReader
from gateway.queries.candles.reader import CandlesReader
from gateway.queries.candles.series_index import SeriesIndex
from gateway.queries.candles.stats_reader import StatsReader
from gateway.queries.candles.storage import CandleStorage
from gateway.queries.consensus.reader import ConsensusReader
from gateway.queries.conversion.converter import Converter
from gateway.queries.history_readers import HistoryReaders
from gateway.queries.rate_reader import RateReader
from gateway.settings import GatewaySettings
from gateway.state.bar_mirror import BarMirror
from gateway.state.catalog import InstrumentCatalog
from gateway.state.mirror import Mirror
from gateway.state.stored_history import StoredHistory
from gateway.state.trade_mirror import TradeMirror
from gateway.subscriptions.cohort import FanOut
from gateway.subscriptions.flush import FlushScheduler
from gateway.subscriptions.live_candles import CandleServices
from gateway.subscriptions.live_history import HistoryServices
from gateway.subscriptions.live_queries import LiveQueries
from gateway.subscriptions.live_query_registry import LiveQueryLimits
from gateway.subscriptions.registry import SubscriptionRegistry
from gateway.trusted_documents.document_store import DocumentStore
from gateway.trusted_documents.manifest_folder import ManifestFolder
from gateway.trusted_documents.page_documents import read_page_documents
from history.ports import BarFeed
from history.trade_tape import TradeTape
from instruments.last_known import LastKnownInstruments, SnapshotStorage
from instruments.store import InstrumentReader
from rates.clock import Clock, utc_now
from rates.source import Source
from rates.ticker import TickerKey
from runtime.backoff import Backoff
from runtime.clock.clock_state import ClockState
from runtime.clock.process_clock import ProcessClock
from runtime.descriptors import DescriptorWatch
from runtime.restart import keep_running

# Between two attempts of a task that failed unexpectedly. The mirror is out of date meanwhile.
FIRST_RESTART_WAIT = timedelta(seconds=0.1)
LONGEST_RESTART_WAIT = timedelta(seconds=5)

log = structlog.get_logger("ratewire.gateway")


class Gateway:
    """The parts of a gateway process: queries, live queries and the state that they read.

    `run` keeps the state current. Without `accounts` nobody has a limit of points.
    """

    def __init__(
        self,
        feed: TickerFeed,
        instruments: InstrumentReader,
        settings: GatewaySettings,
        *,
        simulated: bool,
        suspicions: SuspicionRecords | None = None,
        catalog_history: SnapshotStorage | None = None,
        history: CandleStorage | None = None,
        tape: TradeTape | None = None,
        bars: BarFeed | None = None,
        authority: KeyAuthority | None = None,
        key_watch: KeyWatch | None = None,
        accounts: Accounts | None = None,
        clock: Clock = utc_now,
        process_clock: ProcessClock | None = None,
    ) -> None:
        if process_clock is not None:
            clock = process_clock.corrected
        self._clock = clock
        self._process_clock = process_clock
        self.clock_state = ClockState() if process_clock is None else process_clock.state
        self.simulated = simulated
        self.unexpected: dict[str, int] = {}
        """The exceptions that no code expected so far, by task."""
        self.last_known = instruments if isinstance(instruments, LastKnownInstruments) else None
        self.admission = Admission(max_waiting=settings.max_waiting_joins, wait_s=settings.join_wait_s)
        self.client_limits = ClientLimits(
            sockets=ClientLimit(
                "sockets",
                per_address=settings.max_sockets_per_address,
                in_process=settings.max_sockets,
            ),
            subscriptions=ClientLimit(
                "subscriptions",
                per_address=settings.max_subscriptions_per_address,
                in_process=settings.max_subscriptions_in_all,
            ),
        )
        self.authority = authority or KeyAuthority(clock=clock)
        """Who may ask. Without one, everybody without a key."""
        self.authentication = Authentication(self.authority)
        self.keyed_connections = KeyedConnections(self.authority, clock)
        self.key_watch = key_watch
        self.accounts = _without_limits(clock) if accounts is None else accounts
        self.loop_lag = LoopLag()
        built_in = read_page_documents(STATIC_DIRECTORY) if settings.trust_page_documents else {}
        self.documents = DocumentStore(settings.trusted_documents, built_in)
        self._manifests = None
        if settings.trusted_documents_folder is not None:
            self._manifests = ManifestFolder(settings.trusted_documents_folder, self.documents)
            self._manifests.read()
        self.is_leaving = False
        """Whether clients are sent to other gateways because this one cannot answer."""
        self.is_stopping = False
        """Whether the process moves its clients to other gateways before it ends."""
        self.descriptors = DescriptorWatch()
        self._unready_after = timedelta(seconds=settings.unready_after_s)
        self.catalog = InstrumentCatalog(
            instruments,
            refresh_s=settings.catalog_refresh_s,
            stored_history=None if catalog_history is None else StoredHistory(catalog_history),
            on_added=self._publish_mirrored,
            on_removed=self._retract,
            on_changed=self._invalidate_answers,
        )
        self.registry = SubscriptionRegistry(self.catalog)
        scheduler = FlushScheduler(clock, self.registry.publications)
        self.mirror = Mirror(
            feed,
            publish=self.registry.publish,
            is_publishing=scheduler.is_flushing,
            clock=clock,
            cache_clock=None if process_clock is None else process_clock.server,
        )
        self.rates = RateReader(
            self.mirror,
            self.catalog,
            ttl=settings.ttl,
            preference=settings.source_preference,
            max_symbols=settings.max_symbols,
            max_distance=settings.max_source_distance,
            simulated=simulated,
            clock=clock,
            clock_state=self.clock_state,
            held_back=self._held_back,
        )
        self.consensus = ConsensusReader(
            self.rates,
            self.mirror,
            self.catalog,
            preference=settings.source_preference,
            max_distance=settings.max_source_distance,
            clock=clock,
        )
        self.converter = Converter(
            self.rates, self.mirror, self.catalog, preference=settings.source_preference, clock=clock
        )
        index = SeriesIndex(
            history, self.rates, self.catalog, preference=settings.source_preference, clock=clock
        )
        reads = BoundedReads(clock, timeout_s=settings.history_timeout_s)
        self.bars = BarMirror(bars, clock=clock)
        self.trades = TradeMirror(tape)
        self.candles = CandlesReader(history, index, reads, bars=self.bars, simulated=simulated, clock=clock)
        self.stats = StatsReader(history, index, reads, simulated=simulated, clock=clock)
        self.history = HistoryReaders(
            history,
            tape,
            index,
            reads,
            candles=self.candles,
            catalog=self.catalog,
            preference=settings.source_preference,
            max_distance=settings.max_source_distance,
            consensus=self.consensus,
            converter=self.converter,
            ttl=settings.ttl,
            max_symbols=settings.max_symbols,
            simulated=simulated,
            clock=clock,
        )
        parts = CandlePartsReader(history, index, reads, simulated=simulated, clock=clock)
        self.live_queries = LiveQueries(
            self.mirror,
            self.catalog,
            FanOut(self.registry, scheduler),
            self.rates,
            consensus=self.consensus,
            converter=self.converter,
            ttl=settings.ttl,
            preference=settings.source_preference,
            limits=LiveQueryLimits(settings.max_live_queries, settings.max_live_rates),
            history=HistoryServices(
                CandleServices(self.candles, parts, self.bars, simulated), self.trades, index
            ),
            clock=clock,
        )

        self._watchdog = None
        if suspicions is not None:
            self._watchdog = IdentityWatchdog(
                self.rates,
                self.mirror,
                self.catalog,
                suspicions,
                max_distance=settings.max_source_distance,
                patience=timedelta(seconds=settings.suspect_after_s),
                clock=clock,
            )

    async def run(self) -> None:
        """Keep mirror and catalog current until cancelled.

        An exception that no code expected costs one attempt of its task, and is counted.
        """
        async with asyncio.TaskGroup() as tasks:
            self.start_task(tasks, self.mirror.run, "mirror")
            self.start_task(tasks, self.catalog.run, "catalog")
            self.start_task(tasks, self.descriptors.run, "descriptors")
            self.start_task(tasks, self.loop_lag.run, "loop lag")
            self.start_task(tasks, self.keyed_connections.run, "expiry of keys")
            if self.key_watch is not None:
                self.start_task(tasks, self.key_watch.run, "keys")
            self.start_task(tasks, self.bars.run, "bars")
            self.start_task(tasks, self.trades.run, "trades")
            self.start_task(tasks, self.accounts.run, "budgets")
            if self.live_queries.history is not None:
                self.start_task(tasks, self.live_queries.history.candles.run, "candles")
            if self._process_clock is not None:
                self.start_task(tasks, partial(self._process_clock.run, self._latest_events), "clock")
            if self._watchdog is not None:
                self.start_task(tasks, self._watchdog.run, "identities")
            if self._manifests is not None:
                self.start_task(tasks, self._manifests.run, "manifests")

    def start_task(
        self, tasks: asyncio.TaskGroup, run: Callable[[], Awaitable[None]], name: str
    ) -> asyncio.Task[None]:
        """Start a task that no unforeseen exception ends. They are counted."""
        self.unexpected[name] = 0

        def count(_error: Exception) -> None:
            self.unexpected[name] += 1

        backoff = Backoff(FIRST_RESTART_WAIT, LONGEST_RESTART_WAIT)
        return tasks.create_task(keep_running(run, name=name, on_error=count, backoff=backoff), name=name)

    def is_ready(self) -> bool:
        """Whether cache and catalog have been read, and neither cache nor clock is amiss.

        The cache may be lost for a while, the clock may be corrected. Not while the process stops.
        """
        return not self.is_stopping and not self.awaited()

    def awaited(self) -> dict[str, str | None]:
        """Return what is awaited, `cache`, `instruments` and `clock`, with the last errors."""
        since = self.mirror.disconnected_at
        connected = since is None or self._clock() - since <= self._unready_after
        awaited = {}
        if not (self.mirror.loaded and connected):
            awaited["cache"] = self.mirror.last_error
        if not self.catalog.loaded:
            awaited["instruments"] = self.catalog.last_error
        if not self.clock_state.is_fit:
            awaited["clock"] = self.clock_state.problem
        return awaited

    @property
    def instruments_error(self) -> str | None:
        """Why the tracked instruments could not be read last time, `None` if they could."""
        return self.catalog.last_error or (None if self.last_known is None else self.last_known.error)

    def _held_back(self) -> Mapping[Source, str]:
        return {} if self.last_known is None else self.last_known.held_back

    def _latest_events(self) -> dict[Source, datetime | None]:
        return {source: mirrored.latest_observed_at for source, mirrored in self.mirror.sources.items()}

    def _publish_mirrored(self, keys: Iterable[TickerKey]) -> None:
        """Publish instruments that became available: their tickers may have arrived before."""
        for key in keys:
            if ticker := self.mirror.read(key):
                self.registry.publish(ticker, key)

    def _retract(self, keys: Iterable[TickerKey]) -> None:
        """Retract instruments that became unavailable."""
        for key in keys:
            self.registry.retract(key)

    def _invalidate_answers(self) -> None:
        """Have the answers of live lists computed anew."""
        self.live_queries.lists.invalidate()


def _without_limits(clock: Clock) -> Accounts:
    plans = {**SHIPPED_PLANS, ANONYMOUS: PlanLimits().named(ANONYMOUS)}
    return Accounts(MemoryLeaseStore(), plans, grace_s=inf, clock=clock)
