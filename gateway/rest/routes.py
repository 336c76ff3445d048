"""Routes of candles over plain HTTP: `/candles` and `/udf/…`."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import NamedTuple
from urllib.parse import urlencode

import msgspec
from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from access.scope import AccessScope
from gateway.authentication import Authentication, check_scopes
from gateway.budgets.client_accounts import ClientAccounts
from gateway.client_connections import ClientConnections
from gateway.gateway import Gateway
from gateway.http.negotiation import parse_accept
from gateway.queries.candles.query import CandlesQuery
from gateway.rest.csv_candles import CSV_TYPE, encode_csv
from gateway.rest.parameters import read_candles_query, read_parameters
from gateway.rest.prices import price_bars, price_candles, price_search, price_symbol
from gateway.rest.responses import (
    JSON_TYPE,
    deny,
    refuse,
    refuse_spent,
    respond,
    respond_to_error,
)
from gateway.rest.udf import (
    HISTORY_PARAMETERS,
    SymbolDirectory,
    encode_history,
    make_config,
    read_history_query,
)
from gateway.schema.field_scopes import HISTORY, READ
from gateway.schema.selection_weight import ROOT
from rates.errors import AccessDenied, AccessUnavailable, BudgetExhausted, RatesError

METHODS = ["GET", "HEAD"]
CANDLES_PATH = "/candles"
# Instruments come and go within seconds; what the feed can do does not change while it runs.
SYMBOLS_LAST, CONFIG_LASTS = timedelta(seconds=5), timedelta(minutes=5)
Handler = Callable[[Request], Awaitable[Response]]


class _Resource(NamedTuple):
    """The handler of a path, the scopes that it needs, and its points."""

    handle: Handler
    scopes: frozenset[AccessScope]
    price: Callable[[QueryParams], int]


_SYMBOL, _SEARCH = (
    frozenset({"symbol", "currencyCode", "unitId"}),
    frozenset({"query", "type", "exchange", "limit"}),
)


def candle_routes(gateway: Gateway, connections: ClientConnections, clients: ClientAccounts) -> list[Route]:
    """Create the routes over a gateway.

    They refuse requests while `connections` do, and charge `clients`.
    """
    rest = _CandleRest(gateway)

    def price_this_search(_: QueryParams) -> int:
        return price_search(len(gateway.catalog.tracked))

    resources = {
        CANDLES_PATH: _Resource(rest.candles, HISTORY, price_candles),
        "/udf/history": _Resource(rest.history, HISTORY, price_bars),
        "/udf/symbols": _Resource(rest.symbols, READ, price_symbol),
        "/udf/search": _Resource(rest.search, READ, price_this_search),
        "/udf/config": _Resource(rest.config, READ, _price_constant),
        "/udf/time": _Resource(rest.time, READ, _price_constant),
    }
    return [
        Route(path, _unless_refused(each, connections, gateway.authentication, clients), methods=METHODS)
        for path, each in resources.items()
    ]


def _price_constant(_: QueryParams) -> int:
    return ROOT


def _unless_refused(
    resource: _Resource,
    connections: ClientConnections,
    authentication: Authentication,
    clients: ClientAccounts,
) -> Handler:
    """Return a handler that refuses while the gateway cannot answer: its data is too old then.

    It refuses those who lack a scope or points, too.
    """

    async def answer(request: Request) -> Response:
        if (reason := connections.refusal) is not None:
            return refuse(reason)
        try:
            principal = await authentication.authenticate(request.headers.raw)
            check_scopes(principal, resource.scopes)
        except (AccessDenied, AccessUnavailable) as exc:
            await clients.deny(exc, request.scope)
            return deny(exc)
        account = clients.of_scope(request.scope, principal)
        try:
            await clients.accounts.charge(account, resource.price(request.query_params))
        except BudgetExhausted as exc:
            # As of GraphQL: trying again at once gains nothing.
            pause_s = account.refusals.take()
            await asyncio.sleep(pause_s)
            return refuse_spent(exc.after(pause_s), account.plan)
        except RatesError as exc:
            return respond_to_error(exc)
        response = await resource.handle(request)
        if not principal.is_anonymous and (kept := response.headers.get("cache-control")):
            # A shared cache must not give an answer that needs a key to others.
            response.headers["cache-control"] = kept.replace("public", "private")
        return response

    return answer


class _CandleRest:
    """Answers of the routes."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._symbols = SymbolDirectory(gateway)

    async def candles(self, request: Request) -> Response:
        """Answer with candles as CSV, and a link to the page before."""
        if not _accepts_csv(request):
            return PlainTextResponse(f"expected Accept: {CSV_TYPE}", status_code=406)
        try:
            query = read_candles_query(request.query_params)
            found = await self._gateway.candles.read(query)
        except RatesError as exc:
            return respond_to_error(exc)
        response = respond(request, encode_csv(found), CSV_TYPE, found.lasts)
        if found.has_more:
            given = {**request.query_params, "before": found.cursor}
            response.headers["link"] = f'<{CANDLES_PATH}?{urlencode(given)}>; rel="next"'
        return response

    async def history(self, request: Request) -> Response:
        """Answer with the bars of a chart."""

        async def answer() -> tuple[bytes, timedelta]:
            query: CandlesQuery = read_history_query(
                read_parameters(request.query_params, HISTORY_PARAMETERS)
            )
            found = await self._gateway.candles.read(query)
            return encode_history(found), found.lasts

        return await _answer_udf(request, answer)

    async def symbols(self, request: Request) -> Response:
        """Answer with the description of a symbol."""

        async def answer() -> tuple[bytes, timedelta]:
            self._gateway.rates.check_loaded()
            values = read_parameters(request.query_params, _SYMBOL)
            return msgspec.json.encode(self._symbols.describe(values.get("symbol", ""))), SYMBOLS_LAST

        return await _answer_udf(request, answer)

    async def search(self, request: Request) -> Response:
        """Answer with the symbols that match a text."""

        async def answer() -> tuple[bytes, timedelta]:
            self._gateway.rates.check_loaded()
            values = read_parameters(request.query_params, _SEARCH)
            return msgspec.json.encode(self._symbols.search(values)), SYMBOLS_LAST

        return await _answer_udf(request, answer)

    async def config(self, request: Request) -> Response:
        """Answer with what the feed can do."""
        return respond(request, msgspec.json.encode(make_config()), JSON_TYPE, CONFIG_LASTS)

    async def time(self, _request: Request) -> Response:
        """Answer with the seconds since the epoch."""
        return PlainTextResponse(str(int(self._gateway.rates.now().timestamp())))


async def _answer_udf(request: Request, answer: Callable[[], Awaitable[tuple[bytes, timedelta]]]) -> Response:
    """Respond as the library expects: an error has status 200 and a text."""
    try:
        body, lasts = await answer()
    except RatesError as exc:
        return respond(
            request, msgspec.json.encode({"s": "error", "errmsg": str(exc)}), JSON_TYPE, timedelta()
        )
    return respond(request, body, JSON_TYPE, lasts)


def _accepts_csv(request: Request) -> bool:
    accepted = parse_accept(request.headers.get("accept"))
    return not accepted or any(
        each.name in {CSV_TYPE, "text/*", "*/*"} and each.quality > 0 for each in accepted
    )
