"""Database tables. An instrument is tracked from a source as long as its row exists."""

from datetime import datetime

from sqlalchemy import Boolean, DateTime, Integer, MetaData, String, func
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

# Constraint names, so that migrations can alter constraints on every database.
NAMING = {
    "pk": "pk_%(table_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
}


class Model(DeclarativeBase):
    """Declarative base of all tables."""

    metadata = MetaData(naming_convention=NAMING)


class InstrumentRow(Model):
    """An instrument tracked from a source. `source_symbol` is the source's spelling.

    `halted_word` is the source's status word during a halt, else null. `halted_simulated` marks a halt seen in the
    simulator, which does not affect real data. `identity_state` is `suspect` while a clash of identities is suspected,
    `confirmed` once an operator has confirmed the identity, else null; `identity_simulated` as for halts.
    """

    __tablename__ = "instruments"

    source: Mapped[str] = mapped_column(String(32), primary_key=True)
    base: Mapped[str] = mapped_column(String(20), primary_key=True)
    quote: Mapped[str] = mapped_column(String(20), primary_key=True)
    source_symbol: Mapped[str] = mapped_column(String(100))
    name: Mapped[str] = mapped_column(String(200))
    added_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())
    halted_word: Mapped[str | None] = mapped_column(String(60))
    halted_since: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    halted_simulated: Mapped[bool | None] = mapped_column(Boolean)
    identity_state: Mapped[str | None] = mapped_column(String(20))
    identity_since: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    identity_detail: Mapped[str | None] = mapped_column(String(300))
    identity_simulated: Mapped[bool | None] = mapped_column(Boolean)


class RemovalRow(Model):
    """An instrument that a command removed or respelled, written in the transaction that did it.

    An instrument that is missing without such a row was lost by accident, unless somebody edited the table by hand.
    """

    __tablename__ = "removals"

    source: Mapped[str] = mapped_column(String(32), primary_key=True)
    base: Mapped[str] = mapped_column(String(20), primary_key=True)
    quote: Mapped[str] = mapped_column(String(20), primary_key=True)
    source_symbol: Mapped[str] = mapped_column(String(100), primary_key=True)
    removed_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())


class ListingRow(Model):
    """When a source's listing was last accepted, and its number of instruments."""

    __tablename__ = "listings"

    source: Mapped[str] = mapped_column(String(32), primary_key=True)
    simulated: Mapped[bool] = mapped_column(Boolean, primary_key=True)
    read_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    size: Mapped[int] = mapped_column(Integer)
