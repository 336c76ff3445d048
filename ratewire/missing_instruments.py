"""Instruments that the running system knows and the database lacks.

An operator restores or accepts that.
"""

from collections import Counter
from collections.abc import Collection
from contextlib import aclosing

from cache.redis_client import connect_redis
from cache.redis_instruments import RedisBytes
from instruments.identity.identity_records import IdentityRecords
from instruments.instrument import Instrument
from instruments.loss_guard import Instruments, by_key, find_lost, find_moved
from instruments.snapshot import InvalidSnapshot, decode_snapshot
from instruments.snapshot_file import SnapshotFile, snapshot_beside
from instruments.store import InstrumentStore
from rates.clock import utc_now
from rates.errors import CacheUnavailable, DatabaseUnavailable
from rates.redis_keys import RedisKeys
from rates.source import Source
from rates.symbol import Symbol
from rates.ticker import TickerKey
from runtime.settings import CacheSettings, DatabaseSettings, load_settings


async def restore_missing(store: InstrumentStore) -> list[Instrument]:
    """Track again what is missing, and stop tracking its rows under other sources or symbols.

    Returns what was restored.

    Raises:
        DatabaseUnavailable, CacheUnavailable: the last known instruments, or the table, cannot be read.
    """
    known, found = await _read_last_known(), by_key(await store.read())
    missing = await _find_missing(store, known, found)
    for key in find_moved(known, found, missing):
        await store.remove(key.source, key.symbol)
    await store.add(missing)
    for each in missing:
        if each.is_confirmed:
            await IdentityRecords(store).confirm(each.source, each.symbol, now=utc_now())
    return missing


async def accept_missing(store: InstrumentStore) -> list[Instrument]:
    """Note that what is missing was removed on purpose. Returns what that was.

    Raises:
        DatabaseUnavailable, CacheUnavailable: the last known instruments, or the table, cannot be read.
    """
    missing = await _find_missing(store, await _read_last_known(), by_key(await store.read()))
    await store.write_removals(missing)
    return missing


async def accept_one(store: InstrumentStore, source: Source, symbol: Symbol) -> bool:
    """Note that one missing instrument was removed on purpose.

    Returns whether the running system knows it.

    Raises:
        DatabaseUnavailable: the database cannot be reached.
    """
    try:
        known = await _read_last_known()
    except (DatabaseUnavailable, CacheUnavailable):
        return False
    found = [each for key, each in known.items() if key == TickerKey(source, symbol)]
    await store.write_removals(found)
    return bool(found)


def describe_count(instruments: Collection[Instrument]) -> str:
    """Describe how many instruments there are of each source."""
    if not instruments:
        return "nothing: no instrument is missing"
    counts = sorted(Counter(each.source.value for each in instruments).items())
    return f"{len(instruments)} instruments: {', '.join(f'{count} of {source}' for source, count in counts)}"


async def _find_missing(store: InstrumentStore, known: Instruments, found: Instruments) -> list[Instrument]:
    removed = await store.read_removals()
    return [each for each in find_lost(known, found) if each.removal not in removed]


async def _read_last_known() -> Instruments:
    """Read the last known instruments from the file beside the SQLite database, or from Redis."""
    cache, database = load_settings(CacheSettings), load_settings(DatabaseSettings)
    path = snapshot_beside(database.database_url, simulated=cache.simulated)
    if path is not None and path.exists():
        data, place = await SnapshotFile(path).read(), str(path)
    else:
        async with aclosing(await connect_redis(cache.redis_url)) as redis:
            key = RedisKeys(cache.simulated).instruments()
            data, place = await RedisBytes(redis, key).read(), f"Redis under {key}"
    if data is None:
        raise DatabaseUnavailable(f"no last known instruments in {place}: expected those of a running system")
    try:
        return by_key(decode_snapshot(data, simulated=cache.simulated).instruments)
    except InvalidSnapshot as exc:
        raise DatabaseUnavailable(f"no last known instruments in {place}: {exc}") from exc
