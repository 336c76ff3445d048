"""Storage of tracked instruments in Postgres or SQLite."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from datetime import UTC, datetime
from sqlite3 import DatabaseError
from typing import Any, Protocol

import msgspec
from sqlalchemy import Row, RowMapping, delete, event, insert, select
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import ArgumentError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from instruments.identity.asset_table import reviewed_assets
from instruments.instrument import Halt, Instrument, Removal, Suspicion
from instruments.models import InstrumentRow
from instruments.removals import forget_removal, read_removals, record_removal
from rates.errors import DatabaseUnavailable, InvalidSetting
from rates.source import Source
from rates.symbol import Symbol

COMMAND_TIMEOUT_S = 5
# For another process that writes. A recorder on a machine without a free core takes many seconds.
SQLITE_WAIT_S = 30.0
# States of an instrument's identity that are stored.
SUSPECT, CONFIRMED = "suspect", "confirmed"
CLOSE_TIMEOUT_S = 1


class InstrumentReader(Protocol):
    """Read access to tracked instruments, for producer and gateway."""

    async def read(self, source: Source | None = None) -> Sequence[Instrument]:
        """Read all tracked instruments of `source`, or of all sources, ordered by source and symbol.

        Raises:
            DatabaseUnavailable: the database cannot be reached, or is not migrated.
        """
        ...


class _DriverConnection(Protocol):
    def terminate(self) -> None: ...


class InstrumentStore:
    """An `InstrumentReader` that can also add and remove instruments. The caller closes it.

    `simulated` selects the halts to apply: those seen in the simulator, or those of the real sources.
    """

    def __init__(self, url: str, *, simulated: bool = False) -> None:
        self._engine = open_database(url)
        # SQLite has one writer at a time, and lets the others poll without an order, for longer than their timeout on a busy machine.
        self._writing: AbstractAsyncContextManager[object] = (
            asyncio.Lock() if self._engine.dialect.name == "sqlite" else nullcontext()
        )
        self._open: set[_DriverConnection] = set()
        self._last_rows: Sequence[Row[Any]] = ()
        self._last_instruments: Sequence[Instrument] = ()
        event.listen(self._engine.sync_engine, "connect", lambda one, _record: self._open.add(one))
        event.listen(self._engine.sync_engine, "close", lambda one, _record: self._open.discard(one))
        self.simulated = simulated

    def apart(self) -> "InstrumentStore":
        """Return a store of the same database with connections of its own.

        Long reads of others do not delay it. The caller closes it.
        """
        url = self._engine.url.render_as_string(hide_password=False)
        return InstrumentStore(url, simulated=self.simulated)

    async def close(self) -> None:
        """Close all connections; terminate those that do not close within `CLOSE_TIMEOUT_S`."""
        try:
            async with asyncio.timeout(CLOSE_TIMEOUT_S):
                await self._engine.dispose()
        except TimeoutError:
            # The pool waits for its connections one after the other: 26 s were measured.
            for connection in tuple(self._open):
                connection.terminate()

    async def check(self) -> None:
        """Check that the database responds and is migrated.

        Raises:
            DatabaseUnavailable: it does not respond, or lacks the table.
        """
        async with self.transaction() as connection:
            await connection.execute(select(InstrumentRow.source).limit(1))

    async def read(self, source: Source | None = None) -> Sequence[Instrument]:
        query = select(InstrumentRow.__table__).order_by(
            InstrumentRow.source, InstrumentRow.base, InstrumentRow.quote
        )
        if source is not None:
            query = query.where(InstrumentRow.source == source)
        async with self.transaction() as connection:
            rows = (await connection.execute(query)).all()
        # Read every few seconds, and changed once a day. To compare the rows takes a tenth of the time of reading them.
        if source is None and rows == self._last_rows:
            return self._last_instruments
        known = {member.value for member in Source}
        instruments = [self._instrument(row._mapping) for row in rows if row.source in known]  # noqa: SLF001 - public
        if source is None:
            self._last_rows, self._last_instruments = rows, instruments
        return instruments

    async def add(self, instruments: Iterable[Instrument]) -> int:
        """Track `instruments`, replacing those already tracked. Returns the number of new ones.

        Raises:
            DatabaseUnavailable: the database cannot be reached.
        """
        added = 0
        async with self.transaction(writes=True) as connection:
            for instrument in instruments:
                removed = await _delete(connection, instrument.source, instrument.symbol)
                await forget_removal(connection, instrument.removal)
                values = {**row(instrument), **halt_columns(instrument.halt, simulated=self.simulated)}
                await connection.execute(insert(InstrumentRow).values(values))
                added += not removed
        return added

    async def remove(self, source: Source, symbol: Symbol) -> bool:
        """Stop tracking an instrument. Returns whether it was tracked.

        Raises:
            DatabaseUnavailable: the database cannot be reached.
        """
        async with self.transaction(writes=True) as connection:
            return await _delete(connection, source, symbol)

    async def read_removals(self) -> frozenset[Removal]:
        """Read which instruments commands removed.

        Raises:
            DatabaseUnavailable: the database cannot be reached.
        """
        async with self.transaction() as connection:
            return await read_removals(connection)

    async def write_removals(self, instruments: Iterable[Instrument]) -> None:
        """Note that instruments which the table has no longer are missing on purpose.

        Raises:
            DatabaseUnavailable: the database cannot be reached; nothing was changed.
        """
        async with self.transaction(writes=True) as connection:
            for instrument in instruments:
                await record_removal(connection, instrument.removal)

    def _instrument(self, row: RowMapping) -> Instrument:
        is_halted = row["halted_word"] is not None and row["halted_simulated"] == self.simulated
        state = row["identity_state"] if row["identity_simulated"] == self.simulated else None
        instrument = identified(
            Instrument(
                Source(row["source"]), Symbol(row["base"], row["quote"]), row["source_symbol"], row["name"]
            ),
            is_confirmed=state == CONFIRMED,
        )
        return msgspec.structs.replace(
            instrument,
            halt=Halt(row["halted_word"], aware(row["halted_since"])) if is_halted else None,
            suspicion=Suspicion(row["identity_detail"], aware(row["identity_since"]))
            if state == SUSPECT
            else None,
        )

    @asynccontextmanager
    async def transaction(self, *, writes: bool = False) -> AsyncIterator[AsyncConnection]:
        """Open a transaction, committed on exit and rolled back on an exception.

        `writes`: it changes something. SQLite then waits for other ones of this object that do.

        Raises:
            DatabaseUnavailable: driver or server failed; nothing was changed.
        """
        try:
            async with self._writing if writes else nullcontext(), self._engine.begin() as connection:
                yield connection
        except (SQLAlchemyError, OSError, TimeoutError) as exc:
            cause = getattr(exc, "orig", None) or exc
            raise DatabaseUnavailable(
                f"database {self._engine.url!r}: {type(cause).__name__}: {cause}"
            ) from exc


def open_database(url: str) -> AsyncEngine:
    """Create an engine for `url` with timeouts. It connects lazily.

    Raises:
        InvalidSetting: not a database URL of a supported kind.
    """
    expected = "expected postgresql+asyncpg://… or sqlite+aiosqlite:///…"
    options: dict[str, dict[str, Any]] = {
        "postgresql": {
            "timeout": COMMAND_TIMEOUT_S,
            "command_timeout": COMMAND_TIMEOUT_S,
            # Its estimates for folds of candles are high: compiling one took 31 ms, all the rest of it 20.
            "server_settings": {"jit": "off"},
        },
        "sqlite": {"timeout": SQLITE_WAIT_S},
    }
    kind = url.partition("+")[0]
    if kind not in options:
        raise InvalidSetting("RATEWIRE_DATABASE_URL", url, expected)
    try:
        engine = create_async_engine(url, connect_args=options[kind], pool_pre_ping=True)
    except (ArgumentError, SQLAlchemyError) as exc:
        raise InvalidSetting("RATEWIRE_DATABASE_URL", url, f"{expected}: {exc}") from exc
    if kind == "sqlite":
        event.listen(engine.sync_engine, "connect", _use_write_ahead_log)
    return engine


def _use_write_ahead_log(connection: DBAPIConnection, _record: object) -> None:
    """Let a commit of SQLite wait for no disk, and readers not for a writer.

    A killed process loses nothing; a power cut may lose the last transactions.
    """
    cursor = connection.cursor()
    try:
        cursor.execute("PRAGMA journal_mode=WAL")
        cursor.execute("PRAGMA synchronous=NORMAL")
    except DatabaseError:
        # A file that cannot be written, or is none: the first statement says so.
        return
    finally:
        cursor.close()


def identified(instrument: Instrument, *, is_confirmed: bool = False) -> Instrument:
    """Return the instrument with the ids of its assets, from the reviewed table.

    CoinGecko's source symbol is the id of the base asset. An operator's confirmation stands for a review: the code means
    the asset that owns it, or, where none does, an asset of the code's own.
    """
    table, (base, quote) = reviewed_assets(), instrument.symbol
    source = instrument.source
    base_asset: str | None
    if source is Source.COINGECKO:
        base_asset, quote_asset = instrument.source_symbol, table.identify(source, quote)
    else:
        base_code, quote_code = split_source_symbol(instrument.source_symbol, instrument.symbol)
        base_asset = table.identify(source, base, base_code)
        quote_asset = table.identify(source, quote, quote_code)
    if is_confirmed:
        base_asset = base_asset or _id_of(base)
        quote_asset = quote_asset or _id_of(quote)
    return msgspec.structs.replace(
        instrument, base_asset=base_asset, quote_asset=quote_asset, is_confirmed=is_confirmed
    )


def split_source_symbol(source_symbol: str, symbol: Symbol) -> tuple[str | None, str | None]:
    """Return the source's codes of base and quote, where its spelling tells them.

    A joined spelling tells them by a known quote only.
    """
    for separator in ("-", "/"):
        base, found, quote = source_symbol.partition(separator)
        if found:
            return base, quote
    if source_symbol.endswith(symbol.quote):
        return source_symbol.removesuffix(symbol.quote), symbol.quote
    return None, None


def _id_of(code: str) -> str:
    owner = reviewed_assets().owner(code)
    return f"code:{code}" if owner is None else owner.id


def row(instrument: Instrument) -> dict[str, str]:
    """Columns of an instrument as of the first migration."""
    return {
        "source": instrument.source.value,
        "base": instrument.symbol.base,
        "quote": instrument.symbol.quote,
        "source_symbol": instrument.source_symbol,
        "name": instrument.name,
    }


def halt_columns(halt: Halt | None, *, simulated: bool) -> dict[str, str | datetime | bool | None]:
    """Columns of a trading halt."""
    if halt is None:
        return {"halted_word": None, "halted_since": None, "halted_simulated": None}
    return {"halted_word": halt.word, "halted_since": halt.since, "halted_simulated": simulated}


def aware(moment: datetime) -> datetime:
    """Add the UTC zone to a database time. SQLite drops it."""
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


async def _delete(connection: AsyncConnection, source: Source, symbol: Symbol) -> bool:
    """Delete a row, and note that this was no accident. Returns whether it existed."""
    result = await connection.execute(
        delete(InstrumentRow)
        .where(
            InstrumentRow.source == source,
            InstrumentRow.base == symbol.base,
            InstrumentRow.quote == symbol.quote,
        )
        .returning(InstrumentRow.source_symbol)
    )
    spelt = result.scalars().all()
    for source_symbol in spelt:
        await record_removal(connection, Removal(source, symbol, source_symbol))
    return bool(spelt)
