"""CoinGecko's REST endpoints [exchanges.md 2].

In this order: API key, call limit, CDN cache, answer.
"""

import json
from collections.abc import Callable, Mapping
from functools import partial

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from simulator.client_limit_monitor import ClientLimitMonitor
from simulator.coingecko import answers
from simulator.coingecko.api_keys import ApiKeys
from simulator.coingecko.call_limit import CallLimit
from simulator.coingecko.cdn_cache import CachedAnswer, CdnCache
from simulator.coingecko.errors import CoinGeckoError, plain
from simulator.coingecko.price_query import parse_price_query
from simulator.settings import SimulatorSettings
from simulator.simulation_loop import SimulationLoop

PREFIX = "/coingecko/api/v3"
ENDPOINT = "rest"
PING = '{"gecko_says":"(V3) To the Moon!"}'
LIST_SECONDS = 1800  # /coins/list is cached far longer than prices

Query = Mapping[str, str]


class CoinGeckoRest:
    """GET routes."""

    def __init__(
        self, simulation: SimulationLoop, monitor: ClientLimitMonitor, settings: SimulatorSettings
    ) -> None:
        self._simulation = simulation
        self._monitor = monitor
        self._keys = ApiKeys(settings.coingecko_host, settings.coingecko_keys)
        self._budget = CallLimit(settings.coingecko_calls_per_minute, monitor)
        self._cdn = CdnCache()
        self._endpoints: dict[str, Callable[[Query], Callable[[], str]]] = {
            "/ping": lambda _query: lambda: PING,
            "/simple/price": self._simple_price,
            "/simple/supported_vs_currencies": self._currencies,
            "/coins/list": self._coins_list,
        }

    def clear(self) -> None:
        """Clear the CDN cache, so that the next answers are new."""
        self._cdn.clear()

    def routes(self) -> list[Route]:
        """All routes, with and without a trailing slash (recorded clients use both).

        Unknown paths answer 404.
        """
        return [Route(PREFIX + "/{path:path}", self._respond)]

    async def _respond(self, request: Request) -> Response:
        path = "/" + request.path_params["path"].strip("/")
        try:
            copy = await self._answer(path, request)
        except CoinGeckoError as error:
            body = json.dumps(error.body, separators=(",", ":"))
            return _respond_json(body, error.status, {"cache-control": "no-cache", **error.headers})
        return _respond_json(copy.body, 200, self._freshness(path, copy))

    async def _answer(self, path: str, request: Request) -> CachedAnswer:
        now_ns, query = self._simulation.clock(), request.query_params
        self._monitor.record_call(ENDPOINT, now_ns)
        key = self._keys.check(request.headers, query, now_ns)
        address = request.client.host if request.client else ""
        self._budget.spend(key or address, now_ns, has_key=key is not None)
        endpoint = self._endpoints.get(path)
        if endpoint is None:
            raise plain(404, "Incorrect path. Please check https://www.coingecko.com/api/")
        origin = endpoint(query)
        if path == "/simple/price":
            self._simulation.start_replay()
        await self._simulation.catch_up()
        keep = self._ttl_seconds(path)[1]
        return self._cdn.fetch(f"{path}?{request.url.query}", origin, keep, now_ns)

    def _simple_price(self, query: Query) -> Callable[[], str]:
        return partial(answers.simple_price, parse_price_query(query), self._simulation.world.coingecko)

    def _currencies(self, _query: Query) -> Callable[[], str]:
        return lambda: answers.supported_currencies(self._simulation.world.coingecko.currencies())

    def _coins_list(self, query: Query) -> Callable[[], str]:
        return partial(
            answers.coins_list,
            self._simulation.world.coingecko,
            with_platforms=query.get("include_platform", "").lower() == "true",
            active=query.get("status", "active") != "inactive",
        )

    def _ttl_seconds(self, path: str) -> tuple[int, int]:
        client, edge = self._simulation.world.coingecko.max_age_seconds()
        return (client, LIST_SECONDS) if path == "/coins/list" and edge else (client, edge)

    def _freshness(self, path: str, copy: CachedAnswer) -> dict[str, str]:
        client, edge = self._ttl_seconds(path)
        age = {} if copy.age_seconds is None else {"age": str(copy.age_seconds)}
        control = (
            f"max-age={client}, public, must-revalidate, s-maxage={edge}"
            if edge
            else "max-age=0, private, must-revalidate"
        )
        return {"cache-control": control, "cf-cache-status": copy.status, **age}


def _respond_json(body: str, status: int, headers: Mapping[str, str]) -> Response:
    return Response(
        body,
        status,
        {**headers, "vary": "Accept-Encoding, Origin"},
        media_type="application/json; charset=utf-8",
    )
