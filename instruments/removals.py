"""Notes of what commands removed, written in their own transactions.

They tell an operator's act from an accident: `DELETE FROM instruments` leaves none.
"""

from sqlalchemy import ColumnElement, and_, delete, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from instruments.instrument import Removal
from instruments.models import RemovalRow
from rates.source import Source
from rates.symbol import Symbol


async def record_removal(connection: AsyncConnection, removal: Removal) -> None:
    """Note a removal."""
    await forget_removal(connection, removal)
    source, symbol, source_symbol = removal
    await connection.execute(
        insert(RemovalRow).values(
            source=source.value, base=symbol.base, quote=symbol.quote, source_symbol=source_symbol
        )
    )


async def forget_removal(connection: AsyncConnection, removal: Removal) -> None:
    """Delete the note of an instrument that is tracked again."""
    await connection.execute(delete(RemovalRow).where(_is(removal)))


async def read_removals(connection: AsyncConnection) -> frozenset[Removal]:
    """Read all notes. Those of sources that this version does not know are left out."""
    query = select(RemovalRow.source, RemovalRow.base, RemovalRow.quote, RemovalRow.source_symbol)
    known = {member.value for member in Source}
    return frozenset(
        Removal(Source(source), Symbol(base, quote), source_symbol)
        for source, base, quote, source_symbol in await connection.execute(query)
        if source in known
    )


def _is(removal: Removal) -> ColumnElement[bool]:
    source, symbol, source_symbol = removal
    return and_(
        RemovalRow.source == source,
        RemovalRow.base == symbol.base,
        RemovalRow.quote == symbol.quote,
        RemovalRow.source_symbol == source_symbol,
    )
