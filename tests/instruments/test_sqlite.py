"""SQLite keeps what was committed, although a commit does not wait for the disk."""

import asyncio
import signal
import sqlite3
import sys
from pathlib import Path

import pytest
from sqlalchemy import delete, event
from sqlalchemy.engine.interfaces import DBAPIConnection

from instruments.migrations import migrate
from instruments.models import InstrumentRow
from instruments.store import InstrumentStore
from rates.source import Source
from rates.symbol import Symbol

WRITE_AND_DIE = """
import asyncio, os, signal, sys
from instruments.store import InstrumentStore
from rates.source import Source
from rates.symbol import Symbol

async def main():
    store = InstrumentStore(sys.argv[1])
    assert await store.remove(Source.BINANCE, Symbol("BTC", "USDT"))
    os.kill(os.getpid(), signal.SIGKILL)

asyncio.run(main())
"""


@pytest.mark.servers
async def test_a_process_that_is_killed_after_a_commit_loses_nothing(tmp_path: Path) -> None:
    """The next one reads the write-ahead log that it left."""
    file = tmp_path / "ratewire.sqlite"
    url = f"sqlite+aiosqlite:///{file}"
    await migrate(url)
    killed = await asyncio.create_subprocess_exec(sys.executable, "-c", WRITE_AND_DIE, url)
    async with asyncio.timeout(100):
        assert await killed.wait() == -signal.SIGKILL
    store = InstrumentStore(url)
    symbols = [one.symbol for one in await store.read(Source.BINANCE)]
    await store.close()
    assert symbols
    assert Symbol("BTC", "USDT") not in symbols


@pytest.mark.slow
async def test_writers_of_one_process_wait_in_order(tmp_path: Path) -> None:
    """Many at once, of which each holds the file longer than SQLite lets others wait."""
    url = f"sqlite+aiosqlite:///{tmp_path}/ratewire.sqlite"
    await migrate(url)
    store = InstrumentStore(url)
    symbols = [one.symbol for one in await store.read(Source.BINANCE)][:8]
    event.listen(store._engine.sync_engine, "connect", wait_for_no_lock)
    done: list[int] = []

    async def write(number: int) -> None:
        async with store.transaction(writes=True) as connection:
            await connection.execute(delete(InstrumentRow).where(InstrumentRow.base == symbols[number].base))
            # Others begin meanwhile.
            for _ in range(20):
                await asyncio.sleep(0)
            done.append(number)

    await asyncio.gather(*map(write, range(len(symbols))))
    await store.close()
    assert done == list(range(len(symbols)))


def wait_for_no_lock(connection: DBAPIConnection, _record: object) -> None:
    """Fail at once where SQLite would poll."""
    cursor = connection.cursor()
    cursor.execute("PRAGMA busy_timeout = 0")
    cursor.close()


async def test_readers_need_not_wait_for_a_writer(tmp_path: Path) -> None:
    """A transaction that has written does not hold up a query."""
    file = tmp_path / "ratewire.sqlite"
    url = f"sqlite+aiosqlite:///{file}"
    await migrate(url)
    store = InstrumentStore(url)
    await store.check()
    writer = sqlite3.connect(file, isolation_level=None)
    writer.execute("BEGIN EXCLUSIVE")
    writer.execute("DELETE FROM instruments")
    assert await store.read()
    writer.execute("ROLLBACK")
    writer.close()
    await store.close()
