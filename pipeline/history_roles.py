"""The parts of the history in the pipeline: the writer of a feed's bars, and the recorder."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from datetime import timedelta
from functools import partial

from history.bar_writer import BarWriter
from history.reconciler import TURN, Reconciler, Turn
from history.recorder import Recorder
from history.sample_fold import Sample, SampleFold
from history.sampling import is_sampled
from history.store import HistoryStore
from history.trade_fold import TradeFold
from instruments.store import InstrumentReader
from pipeline.coordination.call_limits import CallLimits
from pipeline.health import SourceHealth
from pipeline.history_health import HistoryHealth
from pipeline.role_context import RoleContext, start_task
from pipeline.settings import HistorySettings, IngestSettings
from pipeline.source_recorder import SourceRecorder
from pipeline.sources.adapter import SourceAdapter
from pipeline.watchlist import Watchlist
from rates.errors import DatabaseUnavailable
from rates.health import RECORDER_ROLE
from rates.source import Source
from rates.symbol import Symbol
from rates.ticker import Ticker

# Instruments for the record of the sources: `sources` reads them as often.
REFRESH = timedelta(seconds=10)


def build_bar_writer(
    context: RoleContext,
    health: SourceHealth,
    watchlist: Watchlist,
    instance: str,
    settings: IngestSettings,
    *,
    before_take: Callable[[], None],
) -> BarWriter[TradeFold] | None:
    """Return the writer of a feed's bars, if they are recorded.

    `before_take` folds what was read.
    """
    if context.bars is None:
        return None
    source = health.source
    figures = health.history = HistoryHealth(source)

    def on_lost(count: int) -> None:
        figures.lost_batches = count
        health.set_notice("history", f"{count} batches of bars did not reach the log: they are gaps")

    fold = TradeFold(
        source,
        f"{instance}-{secrets.token_hex(4)}",
        max_skew=timedelta(seconds=settings.max_skew_s),
        on_refused=figures.record_refused,
        halted=partial(watchlist.halted, source),
        simulated=context.simulated,
    )
    return BarWriter(
        fold,
        context.bars,
        tracked=partial(_list_tracked, watchlist, source),
        clock=context.clock,
        tape=context.tape,
        on_lost=on_lost,
        before_take=before_take,
    )


def build_sample_writers(
    context: RoleContext, watchlist: Watchlist, instance: str, sources: Iterable[Source]
) -> dict[Source, BarWriter[SampleFold]]:
    """Return the writers of the bars of sources without trades, if bars are recorded.

    As with feeds, any number of processes fold, and one of them writes.
    """
    if context.bars is None:
        return {}
    return {
        source: BarWriter(
            SampleFold(
                source,
                f"{instance}-{secrets.token_hex(4)}",
                halted=partial(watchlist.halted, source),
                simulated=context.simulated,
            ),
            context.bars,
            tracked=partial(_list_tracked, watchlist, source),
            clock=context.clock,
        )
        for source in sources
        if is_sampled(source)
    }


def _list_tracked(watchlist: Watchlist, source: Source) -> set[Symbol]:
    return {one.symbol for one in watchlist.instruments(source)}


async def record(
    stop: asyncio.Event,
    context: RoleContext,
    adapter: SourceAdapter,
    *,
    instance: str,
    store: HistoryStore,
    instruments: InstrumentReader,
    settings: HistorySettings,
) -> None:
    """Store the bars of one source until `stop`, as one of any number of recorders.

    Compares them with the source's own candles, and fills those that were missed, unless the settings say otherwise.
    """
    assert context.bars is not None
    source = adapter.source
    health = SourceHealth(source, role=RECORDER_ROLE, instance=instance)
    health.record_success()
    figures = health.history = HistoryHealth(source)

    def on_skipped(reason: str) -> None:
        figures.skipped_batches += 1
        health.set_notice("gaps", f"{figures.skipped_batches} batches of bars are gaps, the last: {reason}")

    recorder = Recorder(
        source,
        context.bars,
        store,
        keep_seconds=settings.keep_seconds,
        keep_minutes=settings.keep_minutes,
        batches=settings.batches_at_once,
        poll_s=settings.store_every_s,
        clock=context.clock,
        on_problem=partial(health.set_notice, "history"),
        on_skipped=on_skipped,
        on_behind=partial(setattr, figures, "behind_since"),
    )
    async with (
        _open_reconciler(context, adapter, health, store, instruments, settings=settings) as reconciler,
        asyncio.TaskGroup() as group,
    ):
        tasks = [
            start_task(group, f"reporter {source}", partial(context.report, health), health),
            start_task(group, f"recorder {source}", recorder.run, health),
        ]
        if reconciler is not None:
            tasks.append(start_task(group, f"reconciler {source}", reconciler.run, health))
        await stop.wait()
        for task in tasks:
            task.cancel()


async def record_sources(
    stop: asyncio.Event,
    context: RoleContext,
    *,
    store: HistoryStore,
    instruments: InstrumentReader,
    ttl: Mapping[Source, timedelta],
    instance: str,
) -> None:
    """Record the states of the sources of `ttl` until `stop`, as one of any number of recorders.

    Folds the prices of those that publish no trades into bars.
    """
    if context.feed is None:
        return
    watchlist = Watchlist(instruments, refresh=REFRESH)
    with suppress(DatabaseUnavailable):
        await watchlist.read()
    writers = build_sample_writers(context, watchlist, instance, ttl)

    def on_tickers(source: Source, tickers: Sequence[Ticker]) -> None:
        if (writer := writers.get(source)) is not None:
            writer.fold.add(Sample(each.symbol, each.price, each.observed_at) for each in tickers)

    for writer in writers.values():
        await writer.start()
    recorder = SourceRecorder(
        context.feed,
        store,
        ttl=ttl,
        instruments=watchlist.instruments,
        simulated=context.simulated,
        clock=context.clock,
        cache_clock=context.shared_clock or context.clock,
        on_tickers=on_tickers,
    )
    async with asyncio.TaskGroup() as group:
        tasks = [
            start_task(group, "instruments of sources", watchlist.refresh_forever),
            start_task(group, "following sources", recorder.follow),
            start_task(group, "sampling sources", recorder.sample),
            start_task(group, "storing sources", recorder.store),
            *(start_task(group, f"samples of {source}", writer.run) for source, writer in writers.items()),
        ]
        await stop.wait()
        for task in tasks:
            task.cancel()


@asynccontextmanager
async def _open_reconciler(
    context: RoleContext,
    adapter: SourceAdapter,
    health: SourceHealth,
    store: HistoryStore,
    instruments: InstrumentReader,
    *,
    settings: HistorySettings,
) -> AsyncIterator[Reconciler | None]:
    """Open the reconciler of a source; `None` without klines, or if it is switched off."""
    figures = health.history
    if adapter.klines is None or not settings.backfill or figures is None:
        yield None
        return
    source = adapter.source
    # Push feeds make no other calls that are counted. Limits of the source itself start its cooldown.
    limits = CallLimits(settings.kline_calls_per_minute, timedelta(minutes=1))
    budget = context.coordination.request_budget(source, limits)
    claims = context.coordination.tick_claim("klines")

    async def claim() -> Turn:
        tick = await claims.claim(source, TURN)
        return Turn(tick.is_claimed, tick.left)

    async with adapter.klines.open(replace(context.source_context(adapter, health), budget=budget)) as klines:
        yield Reconciler(
            source,
            klines,
            store,
            instruments,
            adapter.klines.traits,
            claim=claim,
            backfill=settings.backfill_span,
            keep_minutes=settings.keep_minutes,
            clock=context.clock,
            on_checked=lambda _symbol, checks: figures.record_checks(checks),
            on_problem=partial(health.set_notice, "klines"),
        )
