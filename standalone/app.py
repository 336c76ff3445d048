"""Composition root of `ratewire up`: pipeline, gateway and simulator in one process."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, closing
from functools import partial
from pathlib import Path

from access.build import build_authority
from access.key_admin import KeyAdmin
from access.key_store import KeyStore
from access.key_watch import KeyWatch
from access.memory_lease_store import MemoryLeaseStore
from access.plan import PlanSettings
from access.settings import AccessSettings
from cache.memory import MemoryCache
from cache.ports import TickerFeed, TickerSink
from gateway.admin.listener import listening_for_admins
from gateway.budgets.account_registry import Accounts
from gateway.listening_socket import bind
from gateway.server import serve_gateway
from gateway.settings import LOOPBACK, GatewaySettings
from history.candle_reader import CandleReader
from history.memory_log import MemoryBarLog
from history.trade_tape import MemoryTradeTape
from instruments.identity.identity_records import IdentityRecords
from instruments.last_known import LastKnownInstruments, SnapshotStorage
from instruments.loss_guard import LossGuard
from instruments.store import InstrumentStore
from pipeline.sources.registry import build_all_adapters
from rates.errors import InvalidSetting
from runtime.clock.process_clock import ProcessClock
from runtime.settings import DatabaseSettings, ProcessSettings, load_settings
from simulator.server import run_simulator
from simulator.settings import SimulatorSettings
from standalone.announcement import announce
from standalone.database import open_database, open_snapshots
from standalone.pipeline import SourceSet, embedded_history, start_pipeline
from standalone.settings import StandaloneSettings
from standalone.simulated import simulated_sources


async def run_standalone(stop: asyncio.Event, *, live: bool, replay: Sequence[Path], speed: float) -> None:
    """Run the whole system until `stop`, on the real exchanges, a recording or generated prices.

    Raises:
        InvalidSetting, PortInUse, InvalidRecording: the configuration is invalid.
        DatabaseUnavailable: the database file cannot be used.
    """
    if live and replay:
        raise InvalidSetting("LIVE", "1", "expected either LIVE or REPLAY, not both")
    gateway, folder = load_settings(GatewaySettings), load_settings(StandaloneSettings).folder
    with closing(bind(gateway)) as listener:
        async with (
            _open_sources(live=live, replay=replay, speed=speed) as sources,
            open_database(folder, replay, simulated=not live) as instruments,
            asyncio.TaskGroup() as group,
        ):
            # A recording has no listings: exactly what it contains is tracked.
            start_system(
                group,
                stop,
                sources,
                instruments,
                listener,
                snapshots=None if replay else open_snapshots(folder, simulated=not live),
                with_listings=not replay,
                on_ready=partial(announce, listener, sources.label),
            )


def start_system(
    group: asyncio.TaskGroup,
    stop: asyncio.Event,
    sources: SourceSet,
    instruments: InstrumentStore,
    listener: socket.socket,
    *,
    snapshots: SnapshotStorage | None = None,
    with_listings: bool = True,
    on_ready: Callable[[], None] = lambda: None,
    cache: tuple[TickerSink, TickerFeed] | None = None,
) -> None:
    """Start pipeline and gateway around one cache in `group`. They run until `stop`.

    `snapshots` keeps the last known instruments from one run to the next. `on_ready` is called once the gateway listens. `cache`:
    both ends of another cache than that of this process.

    Raises:
        InvalidSetting: the configuration is invalid.
    """
    memory = MemoryCache()
    sink, feed = cache or (memory, memory)
    process_clock = ProcessClock(None, max_skew=load_settings(ProcessSettings).max_clock_skew)
    is_live = sources.label is None
    database = load_settings(DatabaseSettings)
    reader = LastKnownInstruments(
        instruments,
        snapshots,
        simulated=not is_live,
        clock=process_clock.corrected,
        guard=LossGuard(
            max_loss_percent=database.max_instrument_loss_percent, hold_s=database.instrument_hold_s
        ),
    )
    tape = MemoryTradeTape() if embedded_history().enabled else None
    bars = MemoryBarLog(process_clock.corrected) if embedded_history().enabled else None
    start_pipeline(
        group,
        stop,
        sources,
        sink,
        instruments,
        reader=reader,
        process_clock=process_clock,
        with_listings=with_listings,
        bars=bars,
        tape=tape,
        feed=feed if embedded_history().enabled else None,
    )
    gateway, budgets = load_settings(GatewaySettings), load_settings(PlanSettings)
    # There is no other gateway for its clients: they need not leave one after the other.
    changes: dict[str, object] = {"drain_s": 0.0, "drain_notice_s": 0.0, "workers": 1}
    for setting in ("allowed_origins", "embed_origins"):
        if setting not in gateway.model_fields_set:
            # Developers run it beside the server of their own page.
            changes[setting] = [LOOPBACK]
    gateway = gateway.model_copy(update=changes)
    # Long reads and writes of the history must not delay a revocation.
    access, key_database = load_settings(AccessSettings), instruments.apart()
    keys = KeyStore(key_database)
    plans = tuple(budgets.all_plans)
    authority = build_authority(access, keys, plans=plans, clock=process_clock.corrected)
    key_admin = KeyAdmin(keys, None, plans, actor="admin", clock=process_clock.corrected)
    accounts = Accounts(
        MemoryLeaseStore(), budgets.all_plans, grace_s=budgets.grace_s, clock=process_clock.corrected
    )
    serving = serve_gateway(
        feed,
        reader,
        gateway,
        stop,
        simulated=not is_live,
        listener=listener,
        suspicions=IdentityRecords(instruments),
        history=CandleReader(instruments, simulated=not is_live),
        tape=tape,
        bars=bars,
        authority=authority,
        # Keys are changed by commands in other processes.
        key_watch=KeyWatch(authority, keys, None, grace_s=access.revocation_grace_s),
        accounts=accounts,
        clock=process_clock.corrected,
        # The gateway runs the measurements. Simulated sources follow the clock of this machine: they are no witnesses.
        process_clock=process_clock if is_live else None,
        on_ready=on_ready,
        # There is no other gateway, and no Redis that could be away.
        can_leave=False,
    )
    admins = listening_for_admins(access, authority, key_admin, accounts)
    group.create_task(_serve_with_admins(admins, key_database, serving), name="gateway")


async def _serve_with_admins(
    admins: AbstractAsyncContextManager[None],
    key_database: InstrumentStore,
    serving: Coroutine[None, None, None],
) -> None:
    """Serve the gateway, and the admin API beside it. Close the database of keys at the end."""
    try:
        async with admins:
            await serving
    finally:
        serving.close()
        await key_database.close()


@asynccontextmanager
async def _open_sources(*, live: bool, replay: Sequence[Path], speed: float) -> AsyncIterator[SourceSet]:
    if live:
        yield SourceSet(build_all_adapters(), None)
        return
    # Free ports, because another simulator may be running.
    overrides = {"http_port": 0, "ws_port": 0, "host": "127.0.0.1"}
    if replay:
        overrides |= {"replay": [str(path) for path in replay], "speed": speed}
    async with run_simulator(load_settings(SimulatorSettings, **overrides)) as addresses:
        yield SourceSet(simulated_sources(addresses), addresses.label)
