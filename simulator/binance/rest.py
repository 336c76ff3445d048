"""REST routes with the same market data as the WebSocket API [exchanges.md 1.5 and 1.6]."""

import json
import math
from collections.abc import Mapping

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from simulator.binance import errors, requests
from simulator.binance.errors import BinanceError
from simulator.binance.limits import RequestWeightLimit
from simulator.client_limit_monitor import ClientLimitMonitor
from simulator.nanotime import MS, to_ms
from simulator.simulation_loop import SimulationLoop

PREFIX = "/binance/api/v3"
ENDPOINT = "rest"
PATHS = {
    "/ping": "ping",
    "/time": "time",
    "/exchangeInfo": "exchangeInfo",
    "/ticker/24hr": "ticker.24hr",
    "/ticker/price": "ticker.price",
    "/ticker/bookTicker": "ticker.book",
    "/klines": "klines",
}
LIST_RANGE = '^\\[("[A-Z0-9-_.]{1,20}"(,"[A-Z0-9-_.]{1,20}"){0,}){0,1}\\]$'
LISTS = ("symbols", "permissions")


class BinanceRest:
    """GET routes; request weight is shared with the WebSocket API."""

    def __init__(
        self, simulation: SimulationLoop, monitor: ClientLimitMonitor, weights: RequestWeightLimit
    ) -> None:
        self._simulation = simulation
        self._monitor = monitor
        self._weights = weights

    def routes(self) -> list[Route]:
        """Create all routes."""
        return [Route(PREFIX + path, self._respond, name=method) for path, method in PATHS.items()]

    async def _respond(self, request: Request) -> Response:
        method = PATHS[request.url.path.removeprefix(PREFIX)]
        address = request.client.host if request.client else ""
        now_ns = self._simulation.clock()
        self._monitor.record_call(ENDPOINT, now_ns)
        try:
            body = await self._answer(method, request, address, now_ns)
        except BinanceError as error:
            if error.retry_at_ms is not None:
                self._monitor.record_refusal(ENDPOINT, now_ns, error.retry_at_ms * MS)
            return self._respond_json(
                {"code": error.code, "msg": error.message},
                error.status,
                {**self._usage(address), **_retry_after(error, to_ms(now_ns))},
            )
        return self._respond_json(body, 200, self._usage(address))

    async def _answer(self, method: str, request: Request, address: str, now_ns: int) -> object:
        params: dict[str, object] = dict(request.query_params)
        lists = {name: _parse_list(name, str(params[name])) for name in LISTS if name in params}
        params.update(lists)
        self._weights.spend(address, requests.weight(method, params), now_ns)
        if requests.asks_for_prices(method):
            self._simulation.start_replay()
        await self._simulation.catch_up()
        return requests.answer(
            method, params, self._simulation.world.binance, self._weights.limit, to_ms(now_ns)
        )

    def _usage(self, address: str) -> dict[str, str]:
        used = str(self._weights.used(address, self._simulation.clock()))
        return {"X-MBX-USED-WEIGHT": used, "X-MBX-USED-WEIGHT-1M": used}

    @staticmethod
    def _respond_json(body: object, status: int, headers: Mapping[str, str]) -> Response:
        text = json.dumps(body, separators=(",", ":"), ensure_ascii=False)
        return Response(text, status, headers, media_type="application/json;charset=UTF-8")


def _parse_list(name: str, text: str) -> list[object]:
    try:
        found = json.loads(text)
    except ValueError as exc:
        raise errors.illegal_characters(name, LIST_RANGE) from exc
    if not isinstance(found, list):
        raise errors.illegal_characters(name, LIST_RANGE)
    return found


def _retry_after(error: BinanceError, now_ms: int) -> dict[str, str]:
    if error.retry_at_ms is None:
        return {}
    return {"Retry-After": str(max(1, math.ceil((error.retry_at_ms - now_ms) / 1000)))}
