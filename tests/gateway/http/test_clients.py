"""HTTP clients that people use, as they come."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from cache.memory import MemoryCache
from tests.dashboard.browser import find_chromium
from tests.gateway.fixture_types import BuildTicker, ReadyGateway, Served
from tests.gateway.node_client import NodeClient, node_client
from tests.json_types import Json, JsonObject

QUERY = '{ rate(symbol: "BTC/USDT") { id price } }'
LIVE = "subscription { rates { kind recovered items { id price } } }"


def result(price: str) -> JsonObject:
    return {"data": {"rate": {"id": "Rate:BINANCE:BTC/USDT", "price": price}}}


def without_names(value: Json) -> Json:
    """Without the type names that Apollo adds to every selection."""
    if isinstance(value, dict):
        return {key: without_names(each) for key, each in value.items() if key != "__typename"}
    return [without_names(each) for each in value] if isinstance(value, list) else value


async def take(client: NodeClient, kind: str) -> Json:
    """The next result that the script prints, which must be of that kind."""
    line = await client.line()
    assert line["kind"] == kind, line
    return without_names(line["result"])


async def take_live(
    client: NodeClient, kind: str, cache: MemoryCache, ticker: BuildTicker, number: int
) -> None:
    """The snapshot, then what is written."""
    snapshot = (await take(client, kind))["data"]["rates"]
    assert (snapshot["kind"], [item["price"] for item in snapshot["items"]]) == ("SNAPSHOT", [str(number)])
    await cache.write([ticker(price=str(number + 1), sequence=number + 1)])
    update = (await take(client, kind))["data"]["rates"]
    assert (update["kind"], [item["price"] for item in update["items"]]) == ("UPDATE", [str(number + 1)])


async def test_all_audits_of_npm_graphql_http_pass(ready_gateway: ReadyGateway) -> None:
    """MUST, SHOULD and MAY."""
    async with ready_gateway() as served, node_client("audits.mjs", f"{served.http}/graphql") as client:
        audits = await client.line()
        await client.ends()
    assert [audit for audit in audits if audit["status"] != "ok"] == []
    assert len(audits) >= 61


async def test_npm_graphql_sse_queries_and_subscribes(
    ready_gateway: ReadyGateway, cache: MemoryCache, ticker: BuildTicker
) -> None:
    """The reference client of the protocol."""
    await cache.write([ticker(price="1", sequence=1)])
    async with (
        ready_gateway() as served,
        node_client("sse.mjs", f"{served.http}/graphql", QUERY, "{ nope }", LIVE, "2") as client,
    ):
        assert await take(client, "query") == result("1")
        (error,) = (await take(client, "refused"))["errors"]
        assert error["extensions"]["code"] == "GRAPHQL_VALIDATION_FAILED"
        await take_live(client, "event", cache, ticker, 1)
        await client.ends()


async def test_apollo_client_queries_and_subscribes_by_multipart_and_websocket(
    ready_gateway: ReadyGateway, cache: MemoryCache, ticker: BuildTicker
) -> None:
    """With its own links; a refusal and the end of the server reach its user as errors."""
    await cache.write([ticker(price="1", sequence=1)])
    async with (
        ready_gateway() as served,
        node_client("apollo.mjs", f"{served.http}/graphql", QUERY, LIVE, "2") as client,
    ):
        assert await take(client, "query") == result("1")
        await take_live(client, "multipart", cache, ticker, 1)
        await take_live(client, "socket", cache, ticker, 2)
        assert await take(client, "refused") == {"error": "NO/SUCH is not tracked"}
        types = [content_type.partition(";")[0] for _, _, content_type in await take(client, "types")]
        assert types == ["application/graphql-response+json", "multipart/mixed", "multipart/mixed"]
        assert (await take(client, "until the end"))["data"]["rates"]["kind"] == "SNAPSHOT"
        served.stop.set()
        assert "subscribe again" in (await take(client, "until the end"))["error"]
        assert await take(client, "end") == {}
        await client.ends()


async def test_urql_queries_in_json_and_subscribes_by_events(
    ready_gateway: ReadyGateway, cache: MemoryCache, ticker: BuildTicker
) -> None:
    """Its header names every type, yet a query gets JSON, by POST and GET; then graphql-sse."""
    await cache.write([ticker(price="1", sequence=1)])
    async with (
        ready_gateway() as served,
        node_client("urql.mjs", f"{served.http}/graphql", QUERY, LIVE, "2") as client,
    ):
        for number in (1, 2):
            assert await take(client, "query") == result(str(number))
            await take_live(client, "fetch", cache, ticker, number)
        await take_live(client, "sse", cache, ticker, 3)
        types = await take(client, "types")
        assert [content_type.partition(";")[0] for _, content_type in types] == [
            "application/graphql-response+json",
            "text/event-stream",
        ] * 2
        assert "text/event-stream" in types[0][0]
        await client.ends()


class Link:
    """A network link to a port that a test can cut."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._ends: set[asyncio.StreamWriter] = set()
        self.is_cut = False
        self.url = ""

    def cut(self) -> None:
        self.is_cut = True
        for end in self._ends:
            end.transport.abort()

    async def carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.is_cut:
            writer.transport.abort()
            return
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._port)
        self._ends |= {writer, far_writer}
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._pump(reader, far_writer))
            tasks.create_task(self._pump(far_reader, writer))
        self._ends -= {writer, far_writer}

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(65_536):
                writer.write(data)
                await writer.drain()
        except ConnectionError:
            writer.transport.abort()
        else:
            writer.close()


@asynccontextmanager
async def link_to(served: Served) -> AsyncIterator[Link]:
    link = Link(int(served.http.rpartition(":")[2]))
    async with await asyncio.start_server(link.carry, "127.0.0.1", 0) as server:
        link.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        yield link
        link.cut()


async def test_a_browser_comes_back_to_what_it_missed(
    ready_gateway: ReadyGateway, cache: MemoryCache, ticker: BuildTicker
) -> None:
    """Its EventSource sends the id of the last event by itself when the network was away."""
    await cache.write([ticker(price="1", sequence=1)])
    async with (
        ready_gateway() as served,
        link_to(served) as link,
        node_client("eventsource.mjs", link.url, find_chromium(), LIVE, "3") as client,
    ):
        assert await client.line() == {"type": "open"}
        first = await client.line()
        assert first["data"]["data"]["rates"]["kind"] == "SNAPSHOT"
        await cache.write([ticker(price="2", sequence=2)])
        second = await client.line()
        assert (second["data"]["data"]["rates"]["kind"], second["id"] != first["id"]) == ("UPDATE", True)
        link.cut()
        assert await client.line() == {"type": "error", "state": 0}
        await cache.write([ticker(price="3", sequence=3), ticker("ETH/USDT", price="4")])
        link.is_cut = False
        while (line := await client.line())["type"] == "error":
            continue
        assert line == {"type": "open"}
        event = (await client.line())["data"]["data"]["rates"]
        assert (event["kind"], event["recovered"]) == ("SNAPSHOT", True)
        assert sorted(item["price"] for item in event["items"]) == ["3", "4"]
        await client.ends()
