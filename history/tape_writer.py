"""Writes the new trades of one process to the tape, and where others may be missing."""

from collections.abc import Sequence

import msgspec

from history.trade import Trade, TradeId
from history.trade_tape import TAPE_LENGTH, NewTrades, TapeChunk, TradeTape
from rates.errors import CacheUnavailable
from rates.source import Source
from rates.symbol import Symbol


class TapeWriter:
    """Writes while its process has the lease of the log of bars."""

    def __init__(self, tape: TradeTape, source: Source, session: str) -> None:
        self._tape, self._source, self._session = tape, source, session
        # The last trade of each instrument that this session has written.
        self._last: dict[Symbol, TradeId] = {}
        # Instruments of which trades could not be written.
        self._broken: set[Symbol] = set()

    def begin(self, session: str) -> None:
        """Go on as this session; another process may have written since the last one."""
        self._session = session
        self._last.clear()

    async def write(self, new: NewTrades) -> None:
        """Append new trades. What cannot be written is left out, and the next trade says so.

        Raises:
            CacheUnavailable: it may or may not be stored.
        """
        try:
            chunks = {symbol: chunk for symbol in new if (chunk := await self._chunk(symbol, new[symbol]))}
            if not chunks:
                return
            is_written = await self._tape.append(self._source, self._session, chunks)
        except CacheUnavailable:
            self._broken.update(new)
            raise
        if not is_written:
            self._broken.update(new)
            self._last.clear()
            return
        for symbol, chunk in chunks.items():
            self._last[symbol] = chunk.trades[-1].id
        self._broken.difference_update(chunks)

    async def _chunk(self, symbol: Symbol, trades: Sequence[Trade]) -> TapeChunk | None:
        """Return the trades that are not on the tape yet; `None` if there is none."""
        after = self._last.get(symbol)
        if after is None:
            taped = await self._tape.read(self._source, symbol, TAPE_LENGTH)
            after = taped[-1].id if taped else None
            trades = join_tape(taped, trades)
        if not trades:
            return None
        if symbol in self._broken:
            trades = mark_gap(trades)
        return TapeChunk(tuple(trades), after)


def join_tape(taped: Sequence[Trade], trades: Sequence[Trade]) -> Sequence[Trade]:
    """Return those of a process's trades that follow what another process has taped."""
    if not taped:
        return mark_gap(trades)
    known = {one.id for one in taped}
    common = [place for place, one in enumerate(trades) if one.id in known]
    if common:
        # Both have folded the same trades.
        return trades[common[-1] + 1 :]
    last = taped[-1].id
    if not isinstance(last, int) or isinstance(trades[0].id, str):
        return mark_gap(trades)
    rest = [one for one in trades if isinstance(one.id, int) and one.id > last]
    if not rest:
        return ()
    follows = rest[0].first_id == last + 1
    return [msgspec.structs.replace(rest[0], after_gap=not follows), *rest[1:]]


def mark_gap(trades: Sequence[Trade]) -> Sequence[Trade]:
    """Return trades before which others may be missing."""
    first, *others = trades
    return [msgspec.structs.replace(first, after_gap=True), *others]
