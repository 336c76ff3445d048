"""CoinGecko's REST endpoints: key, budget, edge, answer, in this order [exchanges.md 2]."""

import json
from collections.abc import Callable, Mapping
from functools import partial

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from simulator.coingecko import answers
from simulator.coingecko.budget import CallBudget
from simulator.coingecko.edge import Copy, Edge
from simulator.coingecko.errors import CoinGeckoError, plain
from simulator.coingecko.keys import Keys
from simulator.coingecko.parameters import parse_price_query
from simulator.conduct import Conduct
from simulator.player import Player
from simulator.settings import SimulatorSettings

PREFIX = "/coingecko/api/v3"
DOOR = "rest"
PING = '{"gecko_says":"(V3) To the Moon!"}'
LIST_SECONDS = 1800  # /coins/list is kept far longer than prices

Query = Mapping[str, str]


class CoinGeckoRest:
    """GET routes."""

    def __init__(self, player: Player, conduct: Conduct, settings: SimulatorSettings) -> None:
        self._player = player
        self._conduct = conduct
        self._keys = Keys(settings.coingecko_host, settings.coingecko_keys)
        self._budget = CallBudget(settings.coingecko_calls_per_minute, conduct)
        self._edge = Edge()
        self._endpoints: dict[str, Callable[[Query], Callable[[], str]]] = {
            "/ping": lambda _query: lambda: PING,
            "/simple/price": self._simple_price,
            "/simple/supported_vs_currencies": self._currencies,
            "/coins/list": self._coins_list,
        }

    def forget(self) -> None:
        """Empty the edge: the next answers are new ones."""
        self._edge.forget()

    def routes(self) -> list[Route]:
        """All routes, with and without a slash at the end (recorded clients use both), and what is left for a 404."""
        return [Route(PREFIX + "/{path:path}", self._respond)]

    async def _respond(self, request: Request) -> Response:
        path = "/" + request.path_params["path"].strip("/")
        try:
            copy = await self._answer(path, request)
        except CoinGeckoError as error:
            body = json.dumps(error.body, separators=(",", ":"))
            return _respond_json(body, error.status, {"cache-control": "no-cache", **error.headers})
        return _respond_json(copy.body, 200, self._freshness(path, copy))

    async def _answer(self, path: str, request: Request) -> Copy:
        now_ns, query = self._player.clock(), request.query_params
        self._conduct.call(DOOR, now_ns)
        key = self._keys.check(request.headers, query, now_ns)
        self._budget.spend(key or (request.client.host if request.client else ""), now_ns)
        endpoint = self._endpoints.get(path)
        if endpoint is None:
            raise plain(404, "Incorrect path. Please check https://www.coingecko.com/api/")
        origin = endpoint(query)
        if path == "/simple/price":
            self._player.begin()
        await self._player.catch_up()
        keep = self._keep_seconds(path)[1]
        return self._edge.fetch(f"{path}?{request.url.query}", origin, keep, now_ns)

    def _simple_price(self, query: Query) -> Callable[[], str]:
        return partial(answers.simple_price, parse_price_query(query), self._player.world.coingecko)

    def _currencies(self, _query: Query) -> Callable[[], str]:
        return lambda: answers.supported_currencies(self._player.world.coingecko.currencies())

    def _coins_list(self, query: Query) -> Callable[[], str]:
        return partial(
            answers.coins_list,
            self._player.world.coingecko,
            with_platforms=query.get("include_platform", "").lower() == "true",
            active=query.get("status", "active") != "inactive",
        )

    def _keep_seconds(self, path: str) -> tuple[int, int]:
        client, edge = self._player.world.coingecko.max_age_seconds()
        return (client, LIST_SECONDS) if path == "/coins/list" and edge else (client, edge)

    def _freshness(self, path: str, copy: Copy) -> dict[str, str]:
        client, edge = self._keep_seconds(path)
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
