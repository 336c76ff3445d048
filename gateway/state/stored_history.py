"""The history of catalog changes in Redis, for cursors from before a start of the gateway."""

import asyncio
import time
from collections.abc import Callable

import msgspec
import structlog

from gateway.state.catalog_history import CatalogHistory, Changes
from instruments.last_known import SnapshotStorage
from rates.errors import CacheUnavailable, InvalidSymbol
from rates.source import Source
from rates.symbol import parse_symbol
from rates.ticker import TickerKey

# It is stored again after this time although it has not changed: Redis may have lost it.
STORE_INTERVAL_S = 60.0
# Neither the start nor the refreshing of the catalog waits longer for Redis.
TIMEOUT_S = 1.0

log = structlog.get_logger("ratewire.gateway.catalog")


class _Wire(msgspec.Struct, frozen=True):
    version: str
    first: dict[str, bool | None]
    changes: list[dict[str, bool | None]]


_decoder = msgspec.json.Decoder(_Wire)


class StoredHistory:
    """Restores the history at the start, and stores it after each change.

    Without Redis the catalog goes on without it: cursors of versions that this process has not seen get a GAP.
    """

    def __init__(self, storage: SnapshotStorage, *, now_s: Callable[[], float] = time.monotonic) -> None:
        self._storage = storage
        self._now_s = now_s
        self._stored = "", 0.0

    async def restore(self, history: CatalogHistory) -> None:
        """Replay the stored changes."""
        wire = await self._read()
        if wire is None:
            return
        first = {key: trades for key, trades in _decode(wire.first).items() if trades is not None}
        history.replay(first, map(_decode, wire.changes))
        log.info("catalog history restored", changes=len(wire.changes))

    async def store(self, history: CatalogHistory) -> None:
        """Store the last changes, unless that was just done or another gateway has stored more."""
        version, stored_at = self._stored
        if version == history.version and self._now_s() - stored_at < STORE_INTERVAL_S:
            return
        first, changes = history.recent
        stored = await self._read()
        if stored is None or stored.version != history.version or len(stored.changes) < len(changes):
            wire = _Wire(history.version, _encode(first), list(map(_encode, changes)))
            try:
                async with asyncio.timeout(TIMEOUT_S):
                    await self._storage.write(msgspec.json.encode(wire))
            except (CacheUnavailable, TimeoutError) as exc:
                log.debug("catalog history not stored", error=str(exc) or type(exc).__name__)
                return
        self._stored = history.version, self._now_s()

    async def _read(self) -> _Wire | None:
        try:
            async with asyncio.timeout(TIMEOUT_S):
                data = await self._storage.read()
            return None if data is None else _decoder.decode(data)
        except (CacheUnavailable, TimeoutError) as exc:
            log.debug("catalog history not read", error=str(exc) or type(exc).__name__)
        except msgspec.MsgspecError as exc:
            log.warning("catalog history ignored", error=str(exc))
        return None


def _encode(changes: Changes) -> dict[str, bool | None]:
    return {f"{key.source}:{key.symbol}": trades for key, trades in changes.items()}


def _decode(changes: dict[str, bool | None]) -> dict[TickerKey, bool | None]:
    """Decode the changes of sources that this version knows."""
    found: dict[TickerKey, bool | None] = {}
    for text, trades in changes.items():
        source, _, symbol = text.partition(":")
        try:
            found[TickerKey(Source(source), parse_symbol(symbol))] = trades
        except (ValueError, InvalidSymbol):
            continue
    return found
