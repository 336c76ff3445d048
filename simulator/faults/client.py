"""Client of the fault API, used by `ratewire simulator` and the drill."""

from collections.abc import Mapping, Sequence
from typing import Any

import httpx

from rates.errors import InvalidSetting
from simulator.faults.api import FAULTS_PATH

TIMEOUT_SECONDS = 10.0
STATUS_PATH = "/simulator/status"


class FaultClient:
    """Client of one running simulator at `base_url`, e.g. `http://127.0.0.1:9101`."""

    def __init__(self, base_url: str) -> None:
        self._url = base_url.rstrip("/")
        # Loading the certificates takes 20 ms, so it is done once.
        self._verify = httpx.create_ssl_context()

    async def inject(
        self,
        source: str,
        fault: str,
        *,
        symbols: Sequence[str] = (),
        duration_s: float | None = None,
        count: float | None = None,
        parameters: Mapping[str, str | float] | None = None,
    ) -> dict[str, Any]:
        """Inject a fault and return the simulator's description of it.

        Raises:
            InvalidSetting: no such fault, or no simulator.
        """
        request_body = {
            "source": source,
            "fault": fault,
            "symbols": list(symbols),
            "duration_s": duration_s,
            "count": count,
            "parameters": dict(parameters or {}),
        }
        found: dict[str, Any] = (await self._ask("POST", FAULTS_PATH, json=request_body))["fault"]
        return found

    async def faults(self) -> dict[str, Any]:
        """Return the active `faults` and the available `kinds`.

        Raises:
            InvalidSetting: no simulator.
        """
        return await self._ask("GET", FAULTS_PATH)

    async def heal(self, *, source: str | None = None, fault_id: int | None = None) -> list[dict[str, Any]]:
        """End one fault, all of a source, or all.

        Raises:
            InvalidSetting: no such source or fault, or no simulator.
        """
        path = FAULTS_PATH if fault_id is None else f"{FAULTS_PATH}/{fault_id}"
        params = {"source": source} if source else None
        healed: list[dict[str, Any]] = (await self._ask("DELETE", path, params=params))["healed"]
        return healed

    async def status(self) -> dict[str, Any]:
        """Return the simulator's status: its market and the counters of its clients.

        Raises:
            InvalidSetting: no simulator.
        """
        return await self._ask("GET", STATUS_PATH)

    async def _ask(self, method: str, path: str, **content: Any) -> dict[str, Any]:
        try:
            async with httpx.AsyncClient(
                timeout=TIMEOUT_SECONDS, verify=self._verify, trust_env=False
            ) as client:
                answer = await client.request(method, self._url + path, **content)
            body: dict[str, Any] = answer.json()
        except (httpx.HTTPError, httpx.InvalidURL, ValueError) as exc:
            raise InvalidSetting(
                "RATEWIRE_SIMULATOR_URL", self._url, f"expected the address of a running simulator ({exc})"
            ) from exc
        if "error" in body:
            error = body["error"]
            expected = error["expected"]
            listed = expected if isinstance(expected, str) else ", ".join(map(str, expected))
            raise InvalidSetting(str(error["field"]), str(error["seen"]), f"expected {listed}")
        return body
