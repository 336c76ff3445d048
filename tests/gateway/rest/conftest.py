"""Fixtures: a client of the plain routes of a gateway with a history."""

from collections.abc import AsyncIterator

import httpx
import pytest

from gateway.app import create_app
from gateway.gateway import Gateway
from gateway.settings import GatewaySettings
from tests.gateway.queries.candles.conftest import clock, database, gateway, recorded_file

__all__ = ["clock", "database", "gateway", "recorded_file"]


@pytest.fixture
async def client(gateway: Gateway, settings: GatewaySettings) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the application, without a server."""
    transport = httpx.ASGITransport(create_app(gateway, settings))
    async with httpx.AsyncClient(transport=transport, base_url="http://gateway") as client:
        yield client
