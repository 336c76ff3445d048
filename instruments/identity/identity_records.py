"""States of instruments' identities: suspicions, and the decisions of operators."""

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import ColumnElement, and_, or_, select, update

from instruments.identity.asset_table import reviewed_assets
from instruments.instrument import Removal
from instruments.models import InstrumentRow
from instruments.removals import forget_removal, record_removal
from instruments.store import CONFIRMED, SUSPECT, InstrumentStore, split_source_symbol
from rates.errors import InvalidSymbol, UnknownSymbol
from rates.source import Source
from rates.symbol import MAX_ASSET_LENGTH, Symbol, parse_symbol
from rates.ticker import TickerKey

MAX_DETAIL_LENGTH = 300


class IdentityRecords:
    """Stores the states in the database of `store`, separately for simulated and real data."""

    def __init__(self, store: InstrumentStore) -> None:
        self._store = store

    async def suspect(self, details: Mapping[TickerKey, str], *, now: datetime) -> None:
        """Mark instruments as suspected, unless they are suspected or confirmed already.

        Raises:
            DatabaseUnavailable: the database cannot be reached; nothing was changed.
        """
        simulated = self._store.simulated
        undecided = or_(
            InstrumentRow.identity_state.is_(None), InstrumentRow.identity_simulated.is_not(simulated)
        )
        async with self._store.transaction(writes=True) as connection:
            for key, detail in details.items():
                await connection.execute(
                    update(InstrumentRow)
                    .where(_is(key), undecided)
                    .values(
                        identity_state=SUSPECT,
                        identity_since=now,
                        identity_detail=detail[:MAX_DETAIL_LENGTH],
                        identity_simulated=simulated,
                    )
                )

    async def confirm(self, source: Source, symbol: Symbol, *, now: datetime) -> None:
        """Confirm that the symbol means the same asset at this source as at the others.

        Raises:
            UnknownSymbol: the instrument is not tracked.
            DatabaseUnavailable: the database cannot be reached; nothing was changed.
        """
        key = TickerKey(source, symbol)
        async with self._store.transaction(writes=True) as connection:
            result = await connection.execute(
                update(InstrumentRow)
                .where(_is(key))
                .values(
                    identity_state=CONFIRMED,
                    identity_since=now,
                    identity_detail="confirmed by an operator",
                    identity_simulated=self._store.simulated,
                )
            )
            if not result.rowcount:
                raise UnknownSymbol(f"{symbol} from {source}")

    async def separate(self, source: Source, symbol: Symbol, code: str | None = None) -> Symbol:
        """Give the base asset of this source a code of its own.

        `code` is the new code; by default that of the reviewed asset that the source means, else the old code followed by
        the source's name. The suspicion of the symbol's other sources ends. Returns the new symbol.

        Raises:
            InvalidSymbol: the new code is no asset code, or the same as before.
            UnknownSymbol: the instrument is not tracked.
            DatabaseUnavailable: the database cannot be reached; nothing was changed.
        """
        key, cleared = TickerKey(source, symbol), _state_columns()
        async with self._store.transaction(writes=True) as connection:
            found = await connection.execute(select(InstrumentRow.source_symbol).where(_is(key)))
            source_symbol = found.scalar_one_or_none()
            if source_symbol is None:
                raise UnknownSymbol(f"{symbol} from {source}")
            code = code or _own_code(source, source_symbol, symbol)
            new = parse_symbol(f"{code}/{symbol.quote}")
            if new == symbol:
                raise InvalidSymbol(str(new))
            await connection.execute(update(InstrumentRow).where(_is(key)).values(base=new.base, **cleared))
            await record_removal(connection, Removal(source, symbol, source_symbol))
            await forget_removal(connection, Removal(source, new, source_symbol))
            await connection.execute(
                update(InstrumentRow)
                .where(
                    InstrumentRow.base == symbol.base,
                    InstrumentRow.quote == symbol.quote,
                    InstrumentRow.identity_state == SUSPECT,
                    InstrumentRow.identity_simulated.is_(self._store.simulated),
                )
                .values(cleared)
            )
        return new


def _own_code(source: Source, source_symbol: str, symbol: Symbol) -> str:
    """Return the reviewed code of the asset that the source means.

    Where that is not reviewed, the old code followed by the source's name.
    """
    source_code, _ = split_source_symbol(source_symbol, symbol)
    asset = None if source_code is None else reviewed_assets().resolve(source, source_code)
    if asset is not None and asset.code != symbol.base:
        return asset.code
    return f"{symbol.base}{source.name}"[:MAX_ASSET_LENGTH]


def _is(key: TickerKey) -> ColumnElement[bool]:
    return and_(
        InstrumentRow.source == key.source,
        InstrumentRow.base == key.symbol.base,
        InstrumentRow.quote == key.symbol.quote,
    )


def _state_columns() -> dict[str, None]:
    return {
        "identity_state": None,
        "identity_since": None,
        "identity_detail": None,
        "identity_simulated": None,
    }
