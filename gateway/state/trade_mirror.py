"""Keeps the last trades of watched instruments current by following the tape.

Subscribe, then read the tape, then apply what is appended. What does not follow is looked up on the tape.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable

import structlog

from gateway.state.mirror import jittered_wait_s
from gateway.state.recent_trades import RecentTrades
from history.trade import Trade
from history.trade_tape import TAPE_LENGTH, NewChunks, TradeTape
from rates.errors import CacheUnavailable
from rates.source import Source
from rates.symbol import Symbol

# A subscription to the tape, and each reading of it.
TIMEOUT_S = 2.0

log = structlog.get_logger("ratewire.gateway.trades")


class _SourceTape:
    """The watched instruments of one source. `is_current`: their appends arrive."""

    def __init__(self) -> None:
        self.watched: dict[Symbol, RecentTrades] = {}
        self.is_wanted, self.is_current = asyncio.Event(), asyncio.Event()


class TradeMirror:
    """The last trades of the instruments that are watched. Without a `tape` there are none."""

    def __init__(
        self,
        tape: TradeTape | None,
        *,
        sources: Iterable[Source] = Source,
        wait_s: Callable[[int], float] = jittered_wait_s,
    ) -> None:
        self._tape, self._wait_s = tape, wait_s
        self._sources = {source: _SourceTape() for source in sources}

    @property
    def exists(self) -> bool:
        """Whether this gateway has a tape."""
        return self._tape is not None

    async def load(self, trades: RecentTrades) -> None:
        """Read the tape of an instrument that is held.

        Raises:
            CacheUnavailable: the tape cannot be reached in time.
        """
        one = self._sources[trades.key.source]
        try:
            async with asyncio.timeout(TIMEOUT_S):
                await one.is_current.wait()
                await self.read(trades)
        except TimeoutError as exc:
            raise CacheUnavailable("the tape of trades cannot be read in time") from exc
        trades.is_loaded = True

    async def read(self, trades: RecentTrades) -> list[Trade]:
        """Read all of the tape of an instrument, add what is new, and return all.

        Raises:
            CacheUnavailable: it cannot be reached.
        """
        assert self._tape is not None
        before = trades.count
        taped = await self._tape.read(*trades.key)
        if trades.count - before < TAPE_LENGTH:
            # Else what was read may be older than all that is kept.
            trades.merge(taped)
        return taped

    def hold(self, trades: RecentTrades) -> None:
        """Follow an instrument until it was released as often as it was held."""
        trades.holders += 1
        one = self._sources[trades.key.source]
        one.watched[trades.key.symbol] = trades
        one.is_wanted.set()

    def release(self, trades: RecentTrades) -> None:
        """Follow an instrument no longer, unless others hold it."""
        trades.holders -= 1
        if trades.holders:
            return
        one = self._sources[trades.key.source]
        del one.watched[trades.key.symbol]
        if not one.watched:
            one.is_wanted.clear()
        trades.forget()

    async def run(self) -> None:
        """Keep the trades current until cancelled; retry for ever while the tape is away."""
        if self._tape is None:
            return
        async with asyncio.TaskGroup() as tasks:
            for source, one in self._sources.items():
                tasks.create_task(self._follow_wanted(self._tape, source, one), name=f"trades {source}")

    async def _follow_wanted(self, tape: TradeTape, source: Source, one: _SourceTape) -> None:
        failures = 0
        while True:
            await one.is_wanted.wait()
            try:
                async with asyncio.timeout(TIMEOUT_S) as opening, tape.follow(source, one.watched) as appends:
                    opening.reschedule(None)
                    await self._read_all(one)
                    one.is_current.set()
                    failures = 0
                    await self._apply_all(one, appends)
            except (CacheUnavailable, TimeoutError) as exc:
                failures += 1
                wait_s = self._wait_s(failures)
                log.warning("trades lost", source=source, error=str(exc), wait_s=round(wait_s, 2))
                one.is_current.clear()
                await asyncio.sleep(wait_s)
            finally:
                one.is_current.clear()

    async def _apply_all(self, one: _SourceTape, appends: AsyncIterator[NewChunks | None]) -> None:
        async for chunks in appends:
            if not one.is_wanted.is_set():
                return
            if chunks is None:
                await self._read_all(one)
                continue
            for symbol, chunk in chunks.items():
                trades = one.watched.get(symbol)
                if trades is not None and trades.is_loaded and not trades.apply(chunk):
                    await self.read(trades)

    async def _read_all(self, one: _SourceTape) -> None:
        """Read the tapes of all that are watched: appends may have been lost."""
        for trades in tuple(one.watched.values()):
            if trades.is_loaded:
                await self.read(trades)
