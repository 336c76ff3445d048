"""Fixtures: two gateways and an nginx in front of them."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from tests.deploy.nginx import EchoGateway, nginx_in, render


@pytest.fixture
async def gateways() -> AsyncIterator[list[EchoGateway]]:
    """Two gateways."""
    found = [EchoGateway(), EchoGateway()]
    async with asyncio.TaskGroup() as tasks:
        for gateway in found:
            tasks.create_task(gateway.serve())
        yield found
        for gateway in found:
            gateway.server.should_exit = True


@pytest.fixture
async def client(tmp_path: Path, gateways: list[EchoGateway]) -> AsyncIterator[httpx.AsyncClient]:
    """A client of an nginx in front of both."""
    port = render(tmp_path, *(gateway.address for gateway in gateways))
    async with nginx_in(tmp_path, port) as client:
        yield client
