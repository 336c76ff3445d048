"""Fixtures: an empty database and a migrated one, on SQLite and Postgres."""

import uuid
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest

from instruments.store import InstrumentStore
from tests.migrated import migrate_new


@pytest.fixture(params=["sqlite", "postgres"])
async def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """URL of an empty database."""
    if request.param == "sqlite":
        return f"sqlite+aiosqlite:///{tmp_path}/instruments.sqlite"
    server = str(request.getfixturevalue("postgres_url"))
    name = f"test_{uuid.uuid4().hex}"
    connection = await asyncpg.connect(server.replace("+asyncpg", ""), timeout=10)
    await connection.execute(f"CREATE DATABASE {name}")
    await connection.close()
    return f"{server.rpartition('/')[0]}/{name}"


@pytest.fixture
async def store(url: str) -> AsyncIterator[InstrumentStore]:
    """Store on a migrated and seeded database."""
    await migrate_new(url)
    store = InstrumentStore(url)
    yield store
    await store.close()
