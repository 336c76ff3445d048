"""Writes the bars that one process folds to the log, while it has the lease.

Keeps them while the log cannot be reached. Without the lease it is a standby: it folds, and takes over when the other process says nothing any more.
"""

import asyncio
import secrets
from collections import deque
from collections.abc import Callable, Collection, Sequence
from datetime import datetime, timedelta
from typing import Generic, NamedTuple, TypeVar

import structlog

from history.batch import BarBatch, TradePosition
from history.ports import BarLog
from history.sample_fold import SampleFold
from history.tape_writer import TapeWriter
from history.trade_fold import TradeFold
from history.trade_tape import TradeTape
from rates.clock import EPOCH, Clock
from rates.errors import CacheUnavailable
from rates.symbol import Symbol
from runtime.backoff import Backoff

# Ticks are at multiples of this by the corrected clock, so that one is when seconds close.
TICK = timedelta(milliseconds=100)
CLAIM_EVERY = timedelta(seconds=1)
# While the log is away there is one batch a second: 15 minutes of them.
SPOOLED_BATCHES = 900
SPOOL_EVERY = timedelta(seconds=1)

FIRST_RETRY, LONGEST_RETRY = timedelta(milliseconds=200), timedelta(seconds=2)


class _Spooled(NamedTuple):
    batch: BarBatch
    positions: Sequence[TradePosition]


F = TypeVar("F", bound=TradeFold | SampleFold)


class BarWriter(Generic[F]):
    """Writes the batches of `fold`. `tracked`: instruments of the source.

    `tape`: for the trades themselves, if they are kept. `on_lost` is told how many batches were dropped in all, because the spool was full. `before_take`
    folds what was read.
    """

    def __init__(
        self,
        fold: F,
        bars: BarLog,
        *,
        tracked: Callable[[], Collection[Symbol]],
        clock: Clock,
        tape: TradeTape | None = None,
        on_lost: Callable[[int], None] = lambda _: None,
        before_take: Callable[[], None] = lambda: None,
    ) -> None:
        self.fold, self._bars, self._clock, self._on_lost = fold, bars, clock, on_lost
        self._tracked, self._before_take = tracked, before_take
        self._tape = None if tape is None else TapeWriter(tape, fold.source, fold.session)
        self._spool: deque[_Spooled] = deque()
        self._backoff = Backoff(FIRST_RETRY, LONGEST_RETRY)
        self._retry_at: datetime | None = None
        self._claim_at: datetime | None = None
        self._taken_at: datetime | None = None
        self.has_lease = False
        self.lost_batches = 0
        self._log = structlog.get_logger("ratewire.bars").bind(source=fold.source.value)

    async def start(self) -> None:
        """Read where another process left off. Called before the first trade."""
        try:
            self.fold.resume(await self._bars.read_positions(self.fold.source))
        except CacheUnavailable as exc:
            # Its trades may be folded again; the recorder stores none of them twice.
            self._log.warning("starting without the positions of an earlier process", error=str(exc))

    async def run(self) -> None:
        """Write at every tick until cancelled."""
        while True:
            await self.step()
            now = self._clock()
            await asyncio.sleep((TICK - (now - EPOCH) % TICK).total_seconds())

    async def finish(self) -> None:
        """Write what is left, the seconds that are not over included."""
        self.fold.finish()
        self._taken_at = self._retry_at = None
        await self.step()

    async def step(self) -> None:
        """Take a batch and write it, with those that wait."""
        now = self._clock()
        self._take(now)
        if self._retry_at is not None and now < self._retry_at:
            return
        try:
            if self.has_lease:
                await self._write()
                await self._write_tape()
            elif self._claim_at is None or now >= self._claim_at:
                self._claim_at = now + CLAIM_EVERY
                await self._claim(now)
        except CacheUnavailable as exc:
            if self._retry_at is None:
                self._log.warning("the log is away, keeping the bars", error=str(exc))
            self._retry_at = now + self._backoff.next_wait()
        else:
            if self._retry_at is not None:
                self._log.info("the log is back", batches=len(self._spool))
            self._retry_at = None
            self._backoff.reset()

    def _take(self, now: datetime) -> None:
        """Take a batch, rarely while others wait. Without the lease it is dropped."""
        if self._spool and self._taken_at is not None and now - self._taken_at < SPOOL_EVERY:
            return
        self._taken_at = now
        self._before_take()
        self.fold.retain(self._tracked())
        batch = self.fold.take(now)
        if batch is None or not self.has_lease:
            return
        self._spool.append(_Spooled(batch, self.fold.positions(batch)))
        if len(self._spool) > SPOOLED_BATCHES:
            self._spool.popleft()
            self.lost_batches += 1
            self._on_lost(self.lost_batches)

    async def _write(self) -> None:
        while self._spool:
            batch, positions = self._spool[0]
            if not await self._bars.write(batch, positions):
                if await self._bars.claim(self.fold.source, self.fold.session):
                    # Nobody else has it: it ran out, or Redis lost it.
                    continue
                self._log.warning("another process writes the bars now", dropped=len(self._spool))
                self._spool.clear()
                self.has_lease = False
                self._begin_session()
                return
            self._spool.popleft()

    async def _write_tape(self) -> None:
        """Append the newest trades to the tape. Those that could not be written are not kept."""
        if self._tape is not None:
            await self._tape.write(self.fold.take_trades())

    def _begin_session(self) -> None:
        """Count batches from one again under another name, because the lease was lost.

        Under the same name, those after the next takeover would pass for ones that are known.
        """
        self.fold.session = (
            f"{self.fold.session.rpartition('-')[0] or self.fold.session}-{secrets.token_hex(4)}"
        )

    async def _claim(self, now: datetime) -> None:
        if not await self._bars.claim(self.fold.source, self.fold.session):
            return
        positions = await self._bars.read_positions(self.fold.source)
        self.fold.take_over(positions, now)
        if self._tape is not None:
            self._tape.begin(self.fold.session)
        self.has_lease = True
        self._log.info("writing the bars", session=self.fold.session)
