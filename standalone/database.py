"""The database of the embedded system: one SQLite file, or one per recording."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

from instruments.identity.asset_table import reviewed_assets
from instruments.instrument import Instrument
from instruments.migrations import migrate
from instruments.snapshot_file import SnapshotFile, snapshot_beside
from instruments.store import InstrumentStore
from rates.errors import DatabaseUnavailable, InvalidSymbol
from rates.source import Source
from rates.symbol import parse_symbol
from simulator.replay.recording import Recording

FILE, REPLAY_FILE = "ratewire.sqlite", "replay.sqlite"


def open_snapshots(folder: Path, *, simulated: bool) -> SnapshotFile | None:
    """Return the file that keeps the last known instruments from one run to the next."""
    path = snapshot_beside(_url(folder / FILE), simulated=simulated)
    return None if path is None else SnapshotFile(path)


@asynccontextmanager
async def open_database(
    folder: Path, replay: Sequence[Path], *, simulated: bool
) -> AsyncIterator[InstrumentStore]:
    """Open and migrate the database in `folder`.

    Halts reported by the simulator do not apply to the real sources.

    Raises:
    DatabaseUnavailable: the folder or the file cannot be used.
    InvalidRecording: a recording cannot be read.
    """
    file = folder / (REPLAY_FILE if replay else FILE)
    _prepare(file, truncate=bool(replay))
    url = _url(file)
    await migrate(url)
    store = InstrumentStore(url, simulated=simulated)
    try:
        if replay:
            await _track(store, Recording.read(replay))
        yield store
    finally:
        await store.close()


def _url(file: Path) -> str:
    return f"sqlite+aiosqlite:///{file}"


def _prepare(file: Path, *, truncate: bool) -> None:
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        if truncate:
            # The log of a killed process must not be applied to a new file.
            for suffix in ("", "-wal", "-shm"):
                file.with_name(file.name + suffix).unlink(missing_ok=True)
    except OSError as exc:
        raise DatabaseUnavailable(f"{file}: {exc.strerror}: expected a writable folder") from exc


async def _track(store: InstrumentStore, recording: Recording) -> None:
    """Track exactly the instruments of the recording."""
    for instrument in await store.read():
        await store.remove(instrument.source, instrument.symbol)
    await store.add(_instruments(recording))


def _instruments(recording: Recording) -> list[Instrument]:
    found = []
    for recorded in recording.symbols():
        codes = partial(reviewed_assets().code, Source(recorded.source))
        try:
            symbol = parse_symbol(f"{codes(recorded.base)}/{codes(recorded.quote)}")
        except InvalidSymbol:
            continue  # a coin's code need not be a valid asset code
        found.append(Instrument(Source(recorded.source), symbol, recorded.source_symbol, recorded.base))
    return found
