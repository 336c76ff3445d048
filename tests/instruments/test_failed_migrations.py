"""Databases that cannot be migrated until an operator has acted: said at once, in words."""

from collections.abc import Awaitable, Callable

import asyncpg
import pytest
from sqlalchemy import text

from instruments.migrations import migrate
from instruments.store import open_database
from rates.errors import DatabaseUnavailable, MigrationFailed
from tests.e2e.processes import running


async def execute(url: str, *statements: str) -> None:
    engine = open_database(url)
    async with engine.begin() as connection:
        for statement in statements:
            await connection.execute(text(statement))
    await engine.dispose()


async def from_a_newer_version(url: str) -> None:
    await migrate(url)
    await execute(url, "UPDATE alembic_version SET version_num = '9f3a'")


async def of_another_program(url: str) -> None:
    await execute(url, "CREATE TABLE instruments (title TEXT)")


async def with_a_foreign_revision(url: str) -> None:
    await execute(
        url,
        "CREATE TABLE alembic_version (version_num VARCHAR(32))",
        "INSERT INTO alembic_version VALUES ('theirs')",
    )


DATABASES: dict[str, tuple[Callable[[str], Awaitable[None]], str]] = {
    "a newer version's": (
        from_a_newer_version,
        "is of revision '9f3a', which this version of Ratewire does not know",
    ),
    "another program's tables": (of_another_program, "cannot be migrated: .*instruments.* already exists"),
    "another program's revision": (with_a_foreign_revision, "is of revision 'theirs'"),
}


@pytest.mark.slow
@pytest.mark.parametrize(("spoil", "said"), DATABASES.values(), ids=DATABASES)
async def test_a_database_that_cannot_be_migrated_needs_an_operator(
    url: str, spoil: Callable[[str], Awaitable[None]], said: str
) -> None:
    """Another attempt would fail as well, and nothing of the failed one is left."""
    await spoil(url)
    for _ in range(2):
        with pytest.raises(MigrationFailed, match=said):
            await migrate(url)


@pytest.mark.servers
async def test_the_command_ends_at_once(url: str) -> None:
    """With one line and exit code 2, although it may retry for two minutes."""
    await with_a_foreign_revision(url)
    env = {"RATEWIRE_DATABASE_URL": url, "RATEWIRE_STARTUP_TIMEOUT_S": "120"}
    async with running("migrate", env=env) as process:
        assert await process.ends(within_s=60) == 2
    assert "retrying" not in process.text
    assert process.text.strip().splitlines()[-1].startswith("ratewire: the database is of revision 'theirs'")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda url: f"{url.rpartition('/')[0]}/missing", 'database "missing" does not exist'),
        (lambda url: url.replace("ratewire@", "nobody@"), 'role "nobody" does not exist'),
    ],
    ids=["no database", "no role"],
)
async def test_a_refused_login_needs_an_operator(
    postgres_url: str, change: Callable[[str], str], said: str
) -> None:
    """Postgres runs, and will refuse the next attempt too."""
    with pytest.raises(MigrationFailed, match=said):
        await migrate(change(postgres_url))


async def test_missing_rights_need_an_operator(postgres_url: str) -> None:
    """The role may not create tables."""
    connection = await asyncpg.connect(postgres_url.replace("+asyncpg", ""), timeout=10)
    try:
        await connection.execute("CREATE ROLE reader LOGIN")
        await connection.execute("CREATE DATABASE read_only")
    finally:
        await connection.close()
    url = f"{postgres_url.rpartition('/')[0]}/read_only".replace("ratewire@", "reader@")
    with pytest.raises(MigrationFailed, match="permission denied"):
        await migrate(url)


async def test_a_full_server_is_worth_another_attempt(postgres_url: str) -> None:
    """Too many connections is no reason to give up."""
    connection = await asyncpg.connect(postgres_url.replace("+asyncpg", ""), timeout=10)
    try:
        await connection.execute("CREATE ROLE crowded LOGIN CONNECTION LIMIT 0")
    finally:
        await connection.close()
    with pytest.raises(DatabaseUnavailable, match="too many connections"):
        await migrate(postgres_url.replace("ratewire@", "crowded@"))
