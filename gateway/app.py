"""The ASGI application: GraphQL, health and the pages."""

from pathlib import Path

from fastapi import FastAPI
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import Response
from starlette.routing import Route, WebSocketRoute

from gateway.endpoint import GraphQLEndpoint
from gateway.gateway import Gateway
from gateway.health import health_routes
from gateway.operations import Operations
from gateway.pages import STATIC_DIRECTORY, Assets, SecurityHeaders, read_page
from gateway.schema.build import build_schema
from gateway.schema.context import Context
from gateway.settings import GatewaySettings


class GatewayApp(FastAPI):
    """A FastAPI app with the GraphQL endpoint as a plain ASGI app in it: FastAPI's own front would take most of a fast answer."""

    def __init__(self, gateway: Gateway, settings: GatewaySettings, static_directory: Path) -> None:
        # No generated API pages: they describe REST and load scripts from elsewhere.
        super().__init__(title="Ratewire", openapi_url=None, docs_url=None, redoc_url=None)
        context = Context(gateway.rates, gateway.live, gateway.catalog)
        operations = Operations(build_schema(), context, settings)
        self.graphql = GraphQLEndpoint(operations, settings, static_directory)
        self.router.routes += [
            Route("/graphql", self.graphql, methods=None),
            WebSocketRoute("/graphql", self.graphql),
        ]


def create_app(
    gateway: Gateway, settings: GatewaySettings, *, static_directory: Path = STATIC_DIRECTORY
) -> GatewayApp:
    """The application over `gateway`, which the caller runs."""
    app = GatewayApp(gateway, settings, static_directory)
    app.include_router(health_routes(gateway))

    @app.get("/", include_in_schema=False)
    async def dashboard() -> Response:
        return read_page(static_directory, "index.html")

    app.mount("/assets", Assets(static_directory / "assets"))
    if settings.allowed_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=settings.allowed_origins,
            allow_methods=["GET", "POST"],
            allow_headers=["content-type", "last-event-id"],
        )
    app.add_middleware(SecurityHeaders)
    return app
