"""The ASGI application: GraphQL, health and the pages."""

from functools import partial
from pathlib import Path

from fastapi import FastAPI
from starlette.routing import Route, WebSocketRoute
from starlette.types import Receive, Scope, Send

from gateway.admission import Admission
from gateway.authentication import Authentication
from gateway.budgets.client_accounts import ClientAccounts
from gateway.client_connections import ClientConnections
from gateway.client_limits import ClientLimits
from gateway.gateway import Gateway
from gateway.health import health_routes
from gateway.http.cross_origin import CrossOrigin
from gateway.http.endpoint import HttpEndpoint
from gateway.keyed_connections import KeyedConnections
from gateway.metrics import metrics_route
from gateway.operations import Operations
from gateway.origins import OriginPolicy
from gateway.page_routes import answer_not_found, page_routes
from gateway.pages import STATIC_DIRECTORY, Pages, SecurityHeaders
from gateway.rest.routes import candle_routes
from gateway.schema.build import build_schema
from gateway.schema.context import Context
from gateway.schema.federation import build_subgraph_schema
from gateway.settings import GatewaySettings
from gateway.websocket.endpoint import WebSocketEndpoint, refuse_handshake

# People write both; a redirection would turn a POST into a GET, and WebSockets follow none.
PATHS = ("/graphql", "/graphql/")


class GraphQLEndpoint:
    """The GraphQL endpoint for both transports, with its open WebSockets and streams."""

    def __init__(
        self,
        operations: Operations,
        settings: GatewaySettings,
        pages: Pages,
        *,
        admission: Admission,
        limits: ClientLimits,
        authentication: Authentication,
        keyed_connections: KeyedConnections,
        clients: ClientAccounts,
    ) -> None:
        self.operations = operations
        self.connections = ClientConnections()
        self.http = HttpEndpoint(
            operations,
            settings,
            pages,
            self.connections,
            admission=admission,
            limits=limits,
            authentication=authentication,
            keyed_connections=keyed_connections,
            clients=clients,
        )
        self.origins = OriginPolicy(settings.allowed_origins)
        self.sockets = WebSocketEndpoint(
            operations,
            settings,
            self.connections,
            admission=admission,
            limits=limits,
            origins=self.origins,
            authentication=authentication,
            keyed_connections=keyed_connections,
            clients=clients,
        )
        self.request_cache = self.http.request_cache

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        transport = self.sockets if scope["type"] == "websocket" else self.http
        await transport(scope, receive, send)


class GatewayApp(FastAPI):
    """A FastAPI app that routes GraphQL requests around FastAPI's own stack.

    Routing and middleware would take most of the time of a fast response.
    """

    def __init__(self, gateway: Gateway, settings: GatewaySettings, pages: Pages) -> None:
        # No generated API pages: they describe REST and load scripts from other hosts.
        super().__init__(
            title="Ratewire", openapi_url=None, docs_url=None, redoc_url=None, redirect_slashes=False
        )
        self.clients = ClientAccounts(gateway.accounts, settings.trusted_proxies)
        self.graphql = GraphQLEndpoint(
            create_operations(gateway, settings),
            settings,
            pages,
            admission=gateway.admission,
            limits=gateway.client_limits,
            authentication=gateway.authentication,
            keyed_connections=gateway.keyed_connections,
            clients=self.clients,
        )
        for path in PATHS:
            self.router.routes += [
                Route(path, self.graphql, methods=None),
                WebSocketRoute(path, self.graphql),
            ]
        self.router.routes.append(WebSocketRoute("/{path:path}", refuse_handshake))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket" and scope["path"] in PATHS:
            await self.graphql.sockets(scope, receive, send)
        # Only requests with an `Origin` need the CORS middleware.
        elif scope["type"] == "http" and scope["path"] in PATHS and not _has_origin(scope):
            await self.graphql.http(scope, receive, send)
        else:
            await super().__call__(scope, receive, send)


def _has_origin(scope: Scope) -> bool:
    return any(name == b"origin" for name, _ in scope["headers"])


def create_operations(gateway: Gateway, settings: GatewaySettings) -> Operations:
    """Create what prepares and executes operations over `gateway`."""
    context = Context.of(gateway, gateway.accounts)
    schema = build_subgraph_schema() if settings.federation else build_schema()
    return Operations(schema, context, settings, gateway.documents)


def create_app(
    gateway: Gateway, settings: GatewaySettings, *, static_directory: Path = STATIC_DIRECTORY
) -> GatewayApp:
    """Create the application over `gateway`, which the caller runs."""
    embedding = OriginPolicy(settings.embed_origins)
    pages = Pages(
        static_directory,
        simulated=gateway.simulated,
        embedding=embedding.frame_ancestors,
        documents=settings.trusted_documents,
    )
    app = GatewayApp(gateway, settings, pages)
    app.include_router(health_routes(gateway))
    app.router.routes.append(metrics_route(gateway))
    app.router.routes += candle_routes(gateway, app.graphql.connections, app.clients)
    app.router.routes += page_routes(pages)
    app.add_exception_handler(404, partial(answer_not_found, pages))
    # Pages that embed rates subscribe over HTTP; a WebSocket is for those that may call all of the API.
    readers = OriginPolicy([*settings.allowed_origins, *settings.embed_origins])
    app.add_middleware(CrossOrigin, policy=readers)
    app.add_middleware(SecurityHeaders)
    return app
