"""The last known instruments in a file beside the SQLite database, for the embedded system."""

import asyncio
import os
from pathlib import Path

from sqlalchemy.engine import make_url

from rates.errors import CacheUnavailable

SUFFIX = ".last-known"


class SnapshotFile:
    """Stores the bytes in one file, which is replaced as a whole."""

    def __init__(self, path: Path) -> None:
        self._path = path

    async def read(self) -> bytes | None:
        """Return the bytes, or `None` if there is no file.

        Raises:
            CacheUnavailable: the file cannot be read.
        """
        try:
            return await asyncio.to_thread(self._path.read_bytes)
        except FileNotFoundError:
            return None
        except OSError as exc:
            raise CacheUnavailable(f"{self._path}: {exc.strerror}: expected a readable file") from exc

    async def write(self, data: bytes) -> None:
        """Replace the bytes.

        Raises:
            CacheUnavailable: they are not stored.
        """
        try:
            await asyncio.to_thread(self._replace, data)
        except OSError as exc:
            raise CacheUnavailable(f"{self._path}: {exc.strerror}: expected a writable folder") from exc

    def _replace(self, data: bytes) -> None:
        # Written beside and moved, so that an end in the middle leaves the earlier file.
        written = self._path.with_name(f"{self._path.name}.{os.getpid()}")
        written.write_bytes(data)
        written.replace(self._path)


def snapshot_beside(database_url: str, *, simulated: bool) -> Path | None:
    """Return the file beside a SQLite database, for one kind of data; `None` for Postgres."""
    url = make_url(database_url)
    if url.get_backend_name() != "sqlite" or not url.database:
        return None
    return Path(f"{url.database}{'.simulated' if simulated else ''}{SUFFIX}")
