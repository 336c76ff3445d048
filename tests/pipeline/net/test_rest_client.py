"""The REST client against a real HTTP server on a free port."""

from contextlib import AbstractAsyncContextManager
from datetime import timedelta

import pytest

from pipeline.coordination.memory_cooldown import MemoryCooldown
from pipeline.net.rest_client import RestClient, open_rest_client, response_error
from pipeline.net.simulation import SIMULATED_HEADER
from pipeline.ports import Cooldown
from rates.errors import (
    SimulationMismatch,
    SourceBlocked,
    SourceProtocolError,
    SourceRateLimited,
    SourceUnavailable,
)
from rates.source import Source
from tests.pipeline.fakes import START, FakeClock
from tests.pipeline.http_server import open_server

JSON = {"content-type": "application/json;charset=UTF-8"}


def rest_client(
    url: str, *, cooldown: Cooldown | None = None, simulated: bool = False, timeout_s: float = 5
) -> AbstractAsyncContextManager[RestClient]:
    clock = FakeClock()
    return open_rest_client(
        Source.BINANCE,
        url,
        cooldown or MemoryCooldown(clock),
        simulated=simulated,
        clock=clock,
        timeout_s=timeout_s,
    )


@pytest.mark.servers
async def test_a_response_is_returned_undecoded() -> None:
    """The path is appended to the base address, with the parameters."""
    async with (
        open_server('{"symbols":[]}', path="/binance") as server,
        rest_client(server.url + "/") as rest,
    ):
        assert await rest.fetch_json("/api/v3/exchangeInfo", {"a": "b c"}) == b'{"symbols":[]}'
    assert [target for target, _ in server.asked] == ["/binance/api/v3/exchangeInfo?a=b+c"]


@pytest.mark.servers
async def test_silence_ends_in_a_timeout() -> None:
    """A dead server does not block the caller."""
    async with (
        open_server() as server,
        rest_client(server.url, timeout_s=0.1) as rest,
    ):
        server.answers = False
        with pytest.raises(SourceUnavailable):
            await rest.fetch_json("/")


@pytest.mark.servers
async def test_a_truncated_response_is_an_error() -> None:
    """Half a listing must never be read as one."""
    async with (
        open_server('{"symbols":[') as server,
        rest_client(server.url, timeout_s=0.2) as rest,
    ):
        server.headers["content-length"] = "4000"
        with pytest.raises(SourceUnavailable):
            await rest.fetch_json("/")


@pytest.mark.servers
async def test_a_rate_limit_starts_a_cooldown_of_all_replicas() -> None:
    """No request is sent until it is over."""
    shared = MemoryCooldown(FakeClock())
    async with open_server() as server:
        server.status = 418
        server.headers["retry-after"] = "720"
        for _ in range(2):
            async with rest_client(server.url, cooldown=shared) as rest:
                with pytest.raises(SourceRateLimited) as refused:
                    await rest.fetch_json("/")
            assert refused.value.retry_at == START + timedelta(seconds=720)
    assert len(server.asked) == 1


@pytest.mark.servers
@pytest.mark.parametrize("simulated", [True, False])
async def test_simulated_and_real_are_never_mixed(simulated: bool) -> None:
    """A listing of the wrong kind is rejected."""
    async with open_server() as server:
        if not simulated:
            server.headers[SIMULATED_HEADER] = "generated"
        async with rest_client(server.url, simulated=simulated) as rest:
            with pytest.raises(SimulationMismatch):
                await rest.fetch_json("/")


@pytest.mark.parametrize(
    ("status", "headers", "expected"),
    [
        (429, JSON, SourceRateLimited),
        (418, JSON, SourceRateLimited),
        (403, {"content-type": "text/html"}, SourceBlocked),
        (451, JSON, SourceBlocked),
        (408, JSON, SourceUnavailable),
        (503, {"content-type": "text/html"}, SourceUnavailable),
        (404, JSON, SourceProtocolError),
        (302, {}, SourceProtocolError),
        (200, {"content-type": "text/html"}, SourceProtocolError),
    ],
)
def test_errors_are_classified_by_status(
    status: int, headers: dict[str, str], expected: type[Exception]
) -> None:
    """Status first, then the content type. The body is only quoted."""
    assert type(response_error(Source.BINANCE, status, headers, b"<html>", START)) is expected


@pytest.mark.parametrize(("header", "seconds"), [("720", 720), (None, 60), ("0", 60)])
def test_a_rate_limit_has_an_end(header: str | None, seconds: int) -> None:
    """By Retry-After, or else in a minute."""
    headers = {} if header is None else {"retry-after": header}
    refused = response_error(Source.BINANCE, 429, headers, b"", START)
    assert isinstance(refused, SourceRateLimited)
    assert refused.retry_at == START + timedelta(seconds=seconds)


def test_a_successful_response_is_no_error() -> None:
    """200 with JSON."""
    assert response_error(Source.BINANCE, 200, JSON, b"{}", START) is None
