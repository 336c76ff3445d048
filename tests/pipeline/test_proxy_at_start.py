"""Processes of the pipeline that start with a proxy that cannot be used."""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial

import pytest

from pipeline.app import run_consumer, run_listings, run_stream
from rates.errors import InvalidSetting
from rates.source import Source


@pytest.mark.parametrize(
    "run", [partial(run_consumer, Source.COINGECKO), partial(run_stream, Source.KRAKEN), run_listings]
)
async def test_an_unusable_proxy_ends_the_start_by_its_variable(
    run: Callable[[asyncio.Event], Awaitable[None]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before any backend is waited for."""
    monkeypatch.setenv("RATEWIRE_SIMULATED", "0")
    monkeypatch.delenv("https_proxy", raising=False)
    monkeypatch.setenv("HTTPS_PROXY", "socks9://127.0.0.1:9")
    async with asyncio.timeout(30):
        with pytest.raises(InvalidSetting, match=r"^HTTPS_PROXY="):
            await run(asyncio.Event())
