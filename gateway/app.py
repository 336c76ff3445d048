"""The ASGI application: GraphQL, health and the pages."""

from pathlib import Path

from fastapi import FastAPI
from starlette.datastructures import Headers, MutableHeaders
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import Response
from starlette.routing import Route, WebSocketRoute
from starlette.types import Message, Receive, Scope, Send

from gateway.admission import Admission
from gateway.client_connections import ClientConnections
from gateway.client_limits import ClientLimits
from gateway.gateway import Gateway
from gateway.health import health_routes
from gateway.http.endpoint import HttpEndpoint
from gateway.http.response import VARY
from gateway.metrics import metrics_route
from gateway.operations import Operations
from gateway.pages import STATIC_DIRECTORY, Assets, SecurityHeaders, read_page
from gateway.schema.build import build_schema
from gateway.schema.context import Context
from gateway.settings import GatewaySettings
from gateway.websocket.endpoint import WebSocketEndpoint


class GraphQLEndpoint:
    """The GraphQL endpoint for both transports, with its open WebSockets and streams."""

    def __init__(
        self,
        operations: Operations,
        settings: GatewaySettings,
        static_directory: Path,
        admission: Admission,
        limits: ClientLimits,
    ) -> None:
        self.operations = operations
        self.connections = ClientConnections()
        self._http = HttpEndpoint(
            operations, settings, static_directory, self.connections, admission=admission, limits=limits
        )
        self._sockets = WebSocketEndpoint(operations, settings, self.connections, admission, limits)
        self.request_cache = self._http.request_cache

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        transport = self._sockets if scope["type"] == "websocket" else self._http
        await transport(scope, receive, send)


class GatewayApp(FastAPI):
    """A FastAPI app that routes GraphQL requests around FastAPI's own stack.

    Routing and middleware would take most of the time of a fast response.
    """

    def __init__(self, gateway: Gateway, settings: GatewaySettings, static_directory: Path) -> None:
        # No generated API pages: they describe REST and load scripts from other hosts.
        super().__init__(title="Ratewire", openapi_url=None, docs_url=None, redoc_url=None)
        context = Context.of(gateway)
        operations = Operations(build_schema(), context, settings)
        self.graphql = GraphQLEndpoint(
            operations, settings, static_directory, gateway.admission, gateway.client_limits
        )
        self.router.routes += [
            Route("/graphql", self.graphql, methods=None),
            WebSocketRoute("/graphql", self.graphql),
        ]
        self._graphql_app = SecurityHeaders(self.graphql)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        # Only requests with an `Origin` need the CORS middleware.
        if scope["type"] != "lifespan" and scope["path"] == "/graphql" and not _has_origin(scope):
            await self._graphql_app(scope, receive, send)
        else:
            await super().__call__(scope, receive, send)


class CrossOrigin(CORSMiddleware):
    """Starlette's middleware, which adds `Origin` to `Vary`, although it may be there."""

    async def send(self, message: Message, send: Send, request_headers: Headers) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            if headers.get("vary") == VARY:
                headers["vary"] = VARY.removesuffix(", Origin")
        await super().send(message, send, request_headers)


def _has_origin(scope: Scope) -> bool:
    return any(name == b"origin" for name, _ in scope["headers"])


def create_app(
    gateway: Gateway, settings: GatewaySettings, *, static_directory: Path = STATIC_DIRECTORY
) -> GatewayApp:
    """Create the application over `gateway`, which the caller runs."""
    app = GatewayApp(gateway, settings, static_directory)
    app.include_router(health_routes(gateway))
    app.router.routes.append(metrics_route(gateway))

    @app.api_route("/", methods=["GET", "HEAD"])
    async def dashboard() -> Response:
        return read_page(static_directory, "index.html")

    app.mount("/assets", Assets(static_directory / "assets"))
    if settings.allowed_origins:
        app.add_middleware(
            CrossOrigin,
            allow_origins=settings.allowed_origins,
            allow_methods=["GET", "POST"],
            allow_headers=["content-type", "last-event-id"],
        )
    app.add_middleware(SecurityHeaders)
    return app
