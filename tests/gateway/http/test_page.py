"""`docs/http.md` is true."""

import re
from pathlib import Path

import pytest

from cache.memory import MemoryCache
from gateway.settings import GatewaySettings
from tests.gateway.fixture_types import BuildTicker, ReadyGateway

PAGE = (Path(__file__).resolve().parents[3] / "docs" / "http.md").read_text()


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("max_body_bytes", "more than {:,} bytes"),
        ("read_timeout_s", "within {:g} seconds"),
        ("stream_heartbeat_s", "every {:g} seconds"),
        ("stall_timeout_s", "nothing at all for {:g} seconds"),
    ],
)
def test_its_figures_are_the_defaults(setting: str, words: str) -> None:
    """As the settings have them."""
    text = " ".join(PAGE.split())
    assert words.format(GatewaySettings.model_fields[setting].default) in text


async def test_its_subscription_works(
    ready_gateway: ReadyGateway, cache: MemoryCache, ticker: BuildTicker
) -> None:
    """Asked as a browser does."""
    (query,) = re.findall(r"const query = '(.+)';", PAGE)
    await cache.write([ticker(price="1")])
    async with (
        ready_gateway() as served,
        served.client() as client,
        client.stream(
            "GET", "/graphql", params={"query": query}, headers={"accept": "text/event-stream"}
        ) as response,
    ):
        text = ""
        async for piece in response.aiter_text():
            text += piece
            if "data:" in text:
                break
    assert '"items":[{"price":"1"}]' in text
