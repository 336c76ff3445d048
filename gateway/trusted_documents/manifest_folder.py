"""A folder of manifests, read while the gateway runs."""

import asyncio
from pathlib import Path
from typing import NoReturn

import structlog

from gateway.trusted_documents.document_store import DocumentStore
from gateway.trusted_documents.manifest import InvalidManifest, parse_manifest
from gateway.units import MIB

READ_EVERY_S = 2.0
MAX_FILE_BYTES = 16 * MIB
SUFFIX = ".json"

log = structlog.get_logger("ratewire.gateway.documents")

FileState = tuple[int, int]
"""Time of the last change in nanoseconds, and size."""


class ManifestFolder:
    """Keeps the documents of a store those of the manifests in a folder.

    A file that cannot be read keeps the documents that it had before.
    """

    def __init__(self, folder: Path, store: DocumentStore) -> None:
        self._folder = folder
        self._store = store
        self._states: dict[Path, FileState] = {}
        self._documents: dict[Path, dict[str, str]] = {}

    def read(self) -> None:
        """Read what has changed since the last time.

        Raises:
            OSError: the folder cannot be listed.
        """
        if self._read_changed():
            self._publish()

    async def run(self) -> NoReturn:
        """Read the folder now and then, until cancelled."""
        while True:
            await asyncio.sleep(READ_EVERY_S)
            try:
                if await asyncio.to_thread(self._read_changed):
                    self._publish()
            except OSError as exc:
                log.warning("manifests not listed", folder=str(self._folder), error=str(exc))

    def _publish(self) -> None:
        merged: dict[str, str] = {}
        for path in sorted(self._documents):
            merged |= self._documents[path]
        self._store.set_trusted(merged)
        log.info("manifests read", files=len(self._documents), identifiers=len(merged))

    def _read_changed(self) -> bool:
        """Read new and changed files, and forget removed ones; return whether anything has changed."""
        # A folder that is gone is an error, not an empty one.
        states = {path: _read_state(path) for path in self._folder.iterdir() if path.suffix == SUFFIX}
        removed = self._states.keys() - states.keys()
        for path in removed:
            del self._states[path]
            self._documents.pop(path, None)
        changed = [path for path, state in states.items() if self._states.get(path) != state]
        for path in changed:
            self._states[path] = states[path]
            try:
                self._documents[path] = _read_manifest(path)
            except (OSError, InvalidManifest) as exc:
                log.warning("manifest not read", file=path.name, error=str(exc))
        return bool(removed or changed)


def _read_state(path: Path) -> FileState:
    try:
        found = path.stat()
    except OSError:
        # Removed since it was listed, or a broken link.
        return 0, 0
    return found.st_mtime_ns, found.st_size


def _read_manifest(path: Path) -> dict[str, str]:
    with path.open("rb") as file:
        data = file.read(MAX_FILE_BYTES + 1)
    if len(data) > MAX_FILE_BYTES:
        raise InvalidManifest(f"the file is too large: expected at most {MAX_FILE_BYTES} bytes")
    return parse_manifest(data)
