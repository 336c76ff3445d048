"""The parts of the history in the pipeline: the writer of a feed's bars, and the recorder."""

import asyncio
import secrets
from datetime import timedelta
from functools import partial

from history.bar_writer import BarWriter
from history.recorder import Recorder
from history.store import HistoryStore
from history.trade_fold import TradeFold
from pipeline.health import SourceHealth
from pipeline.history_health import HistoryHealth
from pipeline.role_context import RoleContext, start_task
from pipeline.settings import HistorySettings, IngestSettings
from pipeline.watchlist import Watchlist
from rates.health import RECORDER_ROLE
from rates.source import Source


def build_bar_writer(
    context: RoleContext, health: SourceHealth, watchlist: Watchlist, instance: str, settings: IngestSettings
) -> BarWriter | None:
    """Return the writer of a feed's bars, if they are recorded."""
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
        tracked=lambda: {one.symbol for one in watchlist.instruments(source)},
        clock=context.clock,
        tape=context.tape,
        on_lost=on_lost,
    )


async def record(
    stop: asyncio.Event,
    context: RoleContext,
    source: Source,
    *,
    instance: str,
    store: HistoryStore,
    settings: HistorySettings,
) -> None:
    """Store the bars of one source until `stop`, as one of any number of recorders."""
    assert context.bars is not None
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
    async with asyncio.TaskGroup() as group:
        tasks = [
            start_task(group, f"reporter {source}", partial(context.report, health), health),
            start_task(group, f"recorder {source}", recorder.run, health),
        ]
        await stop.wait()
        for task in tasks:
            task.cancel()
