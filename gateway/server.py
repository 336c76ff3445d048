"""The gateway process: listen, serve until stopped, and close all connections in time."""

import asyncio
import socket
from collections.abc import Callable, Coroutine, Iterator
from contextlib import AsyncExitStack, closing, contextmanager
from email.utils import format_datetime
from functools import partial
from pathlib import Path

import structlog
import uvicorn

from access.authority import KeyAuthority
from access.build import build_authority
from access.key_admin import KeyAdmin
from access.key_store import KeyStore
from access.key_watch import KeyWatch
from access.plan import PlanSettings
from access.redis_lease_store import RedisLeaseStore
from access.redis_notices import RedisKeyNotices
from access.settings import AccessSettings
from cache.ports import TickerFeed
from cache.redis_client import connect_redis
from cache.redis_feed import RedisTickerFeed
from cache.redis_instruments import RedisBytes
from cache.redis_time import RedisTime
from gateway.admin.listener import listening_for_admins
from gateway.app import GatewayApp, create_app
from gateway.budgets.account_registry import Accounts
from gateway.gateway import Gateway
from gateway.http.protocol import GatewayHttpProtocol
from gateway.identity_watchdog import SuspicionRecords
from gateway.leaving import leave_while_unable
from gateway.listening_socket import BACKLOG, bind, start_listening
from gateway.pages import STATIC_DIRECTORY
from gateway.queries.candles.storage import CandleStorage
from gateway.settings import GatewaySettings
from gateway.startup import (
    EMBEDDED_BACKENDS,
    BackendAddresses,
    describe_awaited,
    format_address,
    log_awaited,
)
from gateway.stopping import drain
from gateway.websocket.keepalive import Keepalive
from gateway.websocket.protocol import GatewayWebSocketProtocol
from history.candle_reader import CandleReader
from history.ports import BarFeed
from history.redis_bar_feed import RedisBarFeed
from history.redis_tape import RedisTradeTape
from history.trade_tape import TradeTape
from instruments.identity.identity_records import IdentityRecords
from instruments.last_known import LastKnownInstruments, SnapshotStorage
from instruments.loss_guard import LossGuard
from instruments.store import InstrumentReader, InstrumentStore
from rates.clock import Clock, utc_now
from rates.redis_keys import RedisKeys
from rates.source import Source
from runtime.clock.process_clock import ProcessClock
from runtime.descriptors import use_all_descriptors
from runtime.garbage_collection import collecting_everything, tune_garbage_collector
from runtime.process import StopEvent
from runtime.settings import CacheSettings, DatabaseSettings, ProcessSettings, load_settings
from runtime.startup import wait_for_backend

PING_INTERVAL_S = 30.0
READY_POLL_S = 0.02
# Of uvicorn.
TICKS_A_SECOND = 10

log = structlog.get_logger("ratewire.gateway")


async def run_gateway(
    stop: StopEvent, *, shared: bool = False, on_ready: Callable[[], None] = lambda: None
) -> None:
    """Run the gateway process, configured from the environment, until `stop` is set.

    `on_ready` is called once the gateway listens.

    Raises:
        InvalidSetting, PortInUse: the configuration must be changed.
        CacheUnavailable, DatabaseUnavailable: not reachable within the start-up time; nor are there last known instruments.
    """
    settings, process = load_settings(GatewaySettings), load_settings(ProcessSettings)
    cache, database = load_settings(CacheSettings), load_settings(DatabaseSettings)
    access = load_settings(AccessSettings)
    budgets = load_settings(PlanSettings)
    store = InstrumentStore(database.database_url, simulated=cache.simulated)
    addresses = BackendAddresses(
        cache=format_address(cache.redis_url), instruments=format_address(database.database_url)
    )
    resources = AsyncExitStack()
    resources.push_async_callback(store.close)
    async with resources:
        timeout_s = process.startup_timeout_s
        with closing(bind(settings, shared=shared)) as listener:
            async with log_awaited(lambda: describe_awaited({"cache": None, "instruments": None}, addresses)):
                redis = await wait_for_backend(
                    lambda: connect_redis(cache.redis_url), timeout_s=timeout_s, stop=stop
                )
                resources.push_async_callback(redis.aclose)
                keys = RedisKeys(cache.simulated)
                feed = RedisTickerFeed(redis, keys)
                instruments = LastKnownInstruments(
                    store,
                    RedisBytes(redis, keys.instruments()),
                    simulated=cache.simulated,
                    guard=LossGuard(
                        max_loss_percent=database.max_instrument_loss_percent,
                        hold_s=database.instrument_hold_s,
                    ),
                )
                process_clock = ProcessClock(RedisTime(redis, keys), max_skew=process.max_clock_skew)
                await wait_for_backend(
                    lambda: feed.read_snapshot(Source.BINANCE), timeout_s=timeout_s, stop=stop
                )
                await wait_for_backend(instruments.read, timeout_s=timeout_s, stop=stop)

            # Long reads of the history must not delay a revocation.
            key_database = store.apart()
            resources.push_async_callback(key_database.close)
            stored_keys = KeyStore(key_database)
            plans = tuple(budgets.all_plans)
            authority = build_authority(access, stored_keys, plans=plans, clock=process_clock.corrected)
            notices = RedisKeyNotices(redis, keys)
            key_watch = KeyWatch(authority, stored_keys, notices, grace_s=access.revocation_grace_s)
            key_admin = KeyAdmin(stored_keys, notices, plans, actor="admin", clock=process_clock.corrected)
            accounts = Accounts(
                RedisLeaseStore(redis, keys),
                budgets.all_plans,
                grace_s=budgets.grace_s,
                clock=process_clock.corrected,
            )
            await resources.enter_async_context(
                listening_for_admins(access, authority, key_admin, accounts, shared=shared)
            )

            def on_started() -> None:
                tune_garbage_collector()
                resources.enter_context(collecting_everything())
                on_ready()

            await serve_gateway(
                feed,
                instruments,
                settings,
                stop,
                simulated=cache.simulated,
                listener=listener,
                suspicions=IdentityRecords(store),
                catalog_history=RedisBytes(redis, keys.catalog_history()),
                history=CandleReader(store, simulated=cache.simulated),
                tape=RedisTradeTape(redis, keys),
                bars=RedisBarFeed(redis, keys),
                authority=authority,
                key_watch=key_watch,
                accounts=accounts,
                addresses=addresses,
                process_clock=process_clock,
                on_ready=on_started,
                at_once=stop.at_once,
            )


async def serve_gateway(
    feed: TickerFeed,
    instruments: InstrumentReader,
    settings: GatewaySettings,
    stop: asyncio.Event,
    *,
    simulated: bool,
    listener: socket.socket,
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
    static_directory: Path = STATIC_DIRECTORY,
    addresses: BackendAddresses = EMBEDDED_BACKENDS,
    on_ready: Callable[[], None] = lambda: None,
    at_once: asyncio.Event | None = None,
    can_leave: bool = True,
) -> None:
    """Serve on `listener` (from `bind`) until `stop` is set, then drain.

    The drain ends when it is done or `at_once` is set.

    It listens once the cache and the tracked instruments are read. Until then connections are refused, so that clients and
    balancers try again or elsewhere, and the log names what is awaited. `on_ready` is called once it listens. While it cannot
    answer, its clients are sent to other gateways, unless `can_leave` is false because there is none.

    Raises:
        PortInUse: another process has listened on the address since `bind`.
        ExceptionGroup: the server failed.
    """
    use_all_descriptors()
    gateway = Gateway(
        feed,
        instruments,
        settings,
        simulated=simulated,
        suspicions=suspicions,
        catalog_history=catalog_history,
        history=history,
        tape=tape,
        bars=bars,
        authority=authority,
        key_watch=key_watch,
        accounts=accounts,
        clock=clock,
        process_clock=process_clock,
    )
    if process_clock is not None:
        clock = process_clock.corrected
        await process_clock.measure()
    app = create_app(gateway, settings, static_directory=static_directory)
    server = _Server(_configure(app, settings), clock)
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(gateway.run(), name="gateway")
        async with log_awaited(lambda: describe_awaited(gateway.awaited(), addresses)):
            await _wait_until_ready(gateway, stop)
        if not stop.is_set():
            start_listening(listener, settings)
            serving = tasks.create_task(_serve(server, listener, stop), name="http")
            host, port = listener.getsockname()[:2]
            log.info("gateway listening", url=f"http://{host}:{port}", simulated=simulated)
            on_ready()
            leaving = None
            if can_leave:
                leaving = gateway.start_task(
                    tasks, partial(leave_while_unable, gateway, app.graphql.connections, addresses), "leaving"
                )
            await stop.wait()
            if leaving is not None:
                leaving.cancel()
            await _stop(server, serving, drain(gateway, server, app.graphql.connections, settings), at_once)
        running.cancel()
    log.info("gateway stopped")


async def _stop(
    server: uvicorn.Server,
    serving: asyncio.Task[None],
    draining: Coroutine[None, None, None],
    at_once: asyncio.Event | None,
) -> None:
    """Drain and end the server; without waiting for anything once `at_once` is set."""
    hurrying = asyncio.create_task((at_once or asyncio.Event()).wait())
    stopping = asyncio.create_task(draining)
    await asyncio.wait({stopping, serving, hurrying}, return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    server.should_exit = True
    await asyncio.wait({serving, hurrying}, return_when=asyncio.FIRST_COMPLETED)
    hurrying.cancel()
    server.force_exit = True
    await asyncio.wait({stopping, serving})
    if not stopping.cancelled():
        stopping.result()


async def _wait_until_ready(gateway: Gateway, stop: asyncio.Event) -> None:
    # With a clock that is too wrong to be corrected it listens, so that /health/ready can say so.
    while gateway.awaited().keys() - {"clock"} and not stop.is_set():  # noqa: ASYNC110 - several conditions, once per process
        await asyncio.sleep(READY_POLL_S)


class _Server(uvicorn.Server):
    """Uvicorn without signal handlers: the process has its own. Responses are dated by `clock`."""

    def __init__(self, config: uvicorn.Config, clock: Clock) -> None:
        super().__init__(config)
        self._clock = clock

    async def on_tick(self, counter: int) -> bool:
        ends = await super().on_tick(counter)
        if counter % TICKS_A_SECOND == 0:
            date = format_datetime(self._clock(), usegmt=True).encode()
            self.server_state.default_headers = [(b"date", date), *self.config.encoded_headers]
        return ends

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def _configure(app: GatewayApp, settings: GatewaySettings) -> uvicorn.Config:
    stall_timeout_s = settings.stall_timeout_s
    return uvicorn.Config(
        app,
        http=GatewayHttpProtocol.configured(
            head_timeout_s=settings.read_timeout_s,
            stall_timeout_s=stall_timeout_s,
            request_cache=app.graphql.request_cache if settings.fast_path else None,
        ),
        ws=GatewayWebSocketProtocol.configured(
            Keepalive(min(PING_INTERVAL_S, stall_timeout_s / 2), stall_timeout_s),
            frames_per_s=settings.ws_frames_per_s,
        ),
        # Without trusted proxies nobody can pass off another address as its own.
        proxy_headers=bool(settings.trusted_proxies),
        forwarded_allow_ips=settings.trusted_proxies,
        lifespan="off",
        log_config=None,
        log_level="warning",
        access_log=False,
        server_header=False,
        # `_Server` sets it.
        date_header=False,
        backlog=BACKLOG,
        ws_max_size=settings.max_body_bytes,
        ws_per_message_deflate=settings.ws_compression,
        ws_ping_timeout=stall_timeout_s,
        timeout_graceful_shutdown=max(1, round(settings.shutdown_timeout_s)),
    )


async def _serve(server: _Server, listener: socket.socket, stop: asyncio.Event) -> None:
    try:
        await server.serve(sockets=[listener])
    finally:
        for each in getattr(server, "servers", ()):
            each.close()
    if not stop.is_set():
        raise RuntimeError("the HTTP server ended without being asked to")
