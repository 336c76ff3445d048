"""The public keys of an identity provider (JWKS), read again in time for its rotations.

Link: https://www.rfc-editor.org/rfc/rfc7517
"""

import asyncio

import httpx
import jwt
import structlog

from rates.errors import AccessUnavailable, DenialReason, Unauthenticated

TIMEOUT_S = 5.0
MAX_BYTES = 262_144
REFRESH_S = 300.0
# A token that names an unknown key leads to another look, but not more often: anybody can make up names.
MIN_REFRESH_S = 10.0

log = structlog.get_logger("ratewire.access")


class ProviderKeys:
    """Fetches the keys at `url` when they are needed.

    It keeps the last ones while the provider is away.

    `transport` replaces the network in tests.
    """

    def __init__(self, url: str, *, transport: httpx.AsyncBaseTransport | None = None) -> None:
        self._url, self._transport = url, transport
        self._keys: dict[str | None, jwt.PyJWK] = {}
        self._read_at: float | None = None
        self._tried_at: float | None = None
        self._lock = asyncio.Lock()
        self._refreshing: asyncio.Task[None] | None = None
        self.error: str | None = None
        """Why the keys could not be read last time."""

    async def find(self, key_id: str | None) -> jwt.PyJWK:
        """Return the key with this id; without an id, the only one.

        Raises:
            Unauthenticated: the provider has no such key.
            AccessUnavailable: the keys were never read.
        """
        now_s = asyncio.get_running_loop().time()
        if self._read_at is None or key_id not in self._keys:
            await self._refresh()
        elif now_s - self._read_at > REFRESH_S and self._refreshing is None:
            # Those that are known serve meanwhile.
            self._refreshing = asyncio.create_task(self._refresh())
            self._refreshing.add_done_callback(self._end_refresh)
        if self._read_at is None:
            raise AccessUnavailable("tokens cannot be verified at present: try again")
        if key_id not in self._keys:
            raise Unauthenticated(DenialReason.INVALID_TOKEN, "its issuer has no such key")
        return self._keys[key_id]

    def _end_refresh(self, task: asyncio.Task[None]) -> None:
        self._refreshing = None
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("keys of the issuer not read", error=repr(error))

    async def _refresh(self) -> None:
        """Read the keys, unless that was tried just now."""
        async with self._lock:
            now_s = asyncio.get_running_loop().time()
            if self._tried_at is not None and now_s - self._tried_at < MIN_REFRESH_S:
                return
            self._tried_at = now_s
            try:
                async with asyncio.timeout(TIMEOUT_S):
                    self._keys = await self._fetch()
            except (httpx.HTTPError, TimeoutError, ValueError, jwt.PyJWTError) as exc:
                self.error = f"{type(exc).__name__}: {exc}"
                log.warning("keys of the issuer not read", url=self._url, error=self.error)
                return
            self._read_at, self.error = now_s, None

    async def _fetch(self) -> dict[str | None, jwt.PyJWK]:
        async with (
            httpx.AsyncClient(transport=self._transport, timeout=TIMEOUT_S) as client,
            client.stream("GET", self._url, headers={"accept": "application/json"}) as response,
        ):
            response.raise_for_status()
            data = b""
            async for chunk in response.aiter_bytes():
                data += chunk
                if len(data) > MAX_BYTES:
                    raise ValueError(f"more than {MAX_BYTES} bytes")
        found = jwt.PyJWKSet.from_json(data.decode()).keys
        usable = [key for key in found if key.public_key_use in {None, "sig"}]
        keys: dict[str | None, jwt.PyJWK] = {key.key_id: key for key in usable}
        if len(usable) == 1:
            keys[None] = usable[0]
        return keys
