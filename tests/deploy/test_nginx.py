"""nginx as it is configured for the distributed form, in front of two gateways that echo what reaches them."""

import asyncio
import json
import shutil
import socket
import subprocess
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from string import Template
from typing import Any

import httpx
import pytest
import uvicorn
from websockets.asyncio.client import connect

ROOT = Path(__file__).resolve().parents[2]
NGINX = shutil.which("nginx", path="/usr/local/sbin:/usr/sbin:/sbin:/usr/local/bin:/usr/bin") or "nginx"
HOOK = ROOT / "nginx/entrypoint/30-gateways.sh"
TIMEOUT_S = 10


class EchoGateway:
    """Answers HTTP with what it was sent, streams two events under /graphql/events, echoes over WebSocket."""

    def __init__(self) -> None:
        self.second_event = asyncio.Event()
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.address = "{}:{}".format(*self._socket.getsockname())
        self.server = uvicorn.Server(
            uvicorn.Config(
                self._app, interface="asgi3", log_level="error", lifespan="off", proxy_headers=False
            )
        )

    async def serve(self) -> None:
        await self.server.serve(sockets=[self._socket])

    async def _app(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "websocket":
            await self._echo(scope, receive, send)
        elif scope["path"] == "/graphql/events":
            await self._stream(send)
        else:
            headers = {name.decode(): value.decode() for name, value in scope["headers"]}
            answer = {
                "gateway": self.address,
                "path": scope["path"],
                "headers": headers,
                "padding": " " * 2000,
            }
            await self._start(send, b"application/json")
            await send({"type": "http.response.body", "body": json.dumps(answer).encode()})

    async def _start(self, send: Any, content_type: bytes) -> None:
        headers = [
            (b"content-type", content_type),
            (b"cache-control", b"max-age=60"),
            (b"x-request-id", b"inner"),
        ]
        await send({"type": "http.response.start", "status": 200, "headers": headers})

    async def _stream(self, send: Any) -> None:
        await self._start(send, b"text/event-stream")
        await send({"type": "http.response.body", "body": b"data: 1\n\n", "more_body": True})
        await asyncio.wait_for(self.second_event.wait(), TIMEOUT_S)
        await send({"type": "http.response.body", "body": b"data: 2\n\n"})

    async def _echo(self, scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "websocket.accept", "subprotocol": scope["subprotocols"][0]})
        while (message := await receive())["type"] == "websocket.receive":
            answer = self.address if message["text"] == "who?" else message["text"]
            await send({"type": "websocket.send", "text": answer})


def render(folder: Path, *gateways: str, **changes: str) -> int:
    """Write the configuration as the container's entrypoint would; the port it will listen on."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = int(probe.getsockname()[1])
    values = {
        "RATEWIRE_NGINX_LISTEN": f"127.0.0.1:{port}",
        "RATEWIRE_NGINX_RESOLVER": "127.0.0.1",
        "RATEWIRE_NGINX_REQUESTS_PER_SECOND": "200",
        "RATEWIRE_NGINX_REQUEST_BURST": "400",
        "RATEWIRE_NGINX_CONNECTIONS": "1000",
        "RATEWIRE_NGINX_TRUSTED_PROXY": "192.0.2.1/32",
    } | changes
    template = Template((ROOT / "nginx/templates/ratewire.conf.template").read_text())
    rendered = template.safe_substitute(values)
    (folder / "conf.d").mkdir()
    (folder / "conf.d/ratewire.conf").write_text(rendered)
    write_gateways(folder / "conf.d/gateways.conf", *gateways)
    shutil.copy(ROOT / "nginx/nginx.conf", folder)
    return port


def write_gateways(target: Path, *gateways: str, nginx: str = NGINX) -> None:
    """Run the entrypoint's part that says where the gateways are, with that nginx."""
    environment = {
        "PATH": f"{Path(nginx).parent}:/usr/bin:/bin",
        "RATEWIRE_NGINX_GATEWAY": " ".join(gateways),
    }
    subprocess.run([HOOK, target], env=environment, check=True, timeout=TIMEOUT_S)


@asynccontextmanager
async def nginx_in(folder: Path, port: int) -> AsyncIterator[httpx.AsyncClient]:
    """A running nginx and a client for it; `folder/log` has all that it printed."""
    arguments = ("-e", "stderr", "-p", str(folder), "-c", str(folder / "nginx.conf"), "-g", "daemon off;")
    with (folder / "log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(NGINX, *arguments, stdout=log, stderr=log)
    try:
        async with asyncio.timeout(TIMEOUT_S):
            while not await _accepts(port):
                assert process.returncode is None, (folder / "log").read_text()
        async with httpx.AsyncClient(
            base_url=f"http://127.0.0.1:{port}", timeout=TIMEOUT_S, trust_env=False
        ) as client:
            yield client
    finally:
        if process.returncode is None:
            process.terminate()
        await asyncio.wait_for(process.wait(), TIMEOUT_S)


async def _accepts(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        await asyncio.sleep(0.01)
        return False
    writer.close()
    await writer.wait_closed()
    return True


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


async def test_both_gateways_get_their_share(client: httpx.AsyncClient, gateways: list[EchoGateway]) -> None:
    """Requests are spread over the replicas."""
    seen = {(await client.post("/graphql", json={})).json()["gateway"] for _ in range(8)}
    assert seen == {gateway.address for gateway in gateways}


async def test_websockets_are_spread_evenly(client: httpx.AsyncClient) -> None:
    """Each goes to the gateway that has the fewest: twenty are ten and ten, also after some have gone."""
    url = f"ws://{client.base_url.host}:{client.base_url.port}/graphql"

    async def open_socket(stack: AsyncExitStack) -> tuple[str, Any]:
        websocket = await stack.enter_async_context(
            connect(url, subprotocols=["graphql-transport-ws"], proxy=None)  # type: ignore[list-item]
        )
        await websocket.send("who?")
        return str(await asyncio.wait_for(websocket.recv(), TIMEOUT_S)), websocket

    async with AsyncExitStack() as stack:
        opened = [await open_socket(stack) for _ in range(20)]
        assert sorted(Counter(name for name, _ in opened).values()) == [10, 10]
        gone = opened[0][0]
        for name, websocket in opened:
            if name == gone:
                await websocket.close()
        opened = [each for each in opened if each[0] != gone]
        while len(opened) < 20:
            opened.append(await open_socket(stack))
        assert sorted(Counter(name for name, _ in opened).values()) == [10, 10]


async def test_connections_to_gateways_are_kept(
    client: httpx.AsyncClient, gateways: list[EchoGateway]
) -> None:
    """Requests one after the other share few of them."""
    for _ in range(20):
        assert (await client.post("/graphql", json={})).status_code == 200
    # Two workers of nginx, and two gateways.
    assert sum(len(each.server.server_state.connections) for each in gateways) <= 4


@pytest.mark.parametrize(("version", "resolves"), [("1.26.3", False), ("1.27.3", True), ("1.30.0", True)])
def test_a_name_is_followed_by_the_means_that_the_version_has(
    tmp_path: Path, version: str, resolves: bool
) -> None:
    """`resolve` inside of an upstream came with 1.27.3; an older one would not start with it."""
    nginx = tmp_path / "nginx"
    nginx.write_text(f'#!/bin/sh\necho "nginx version: nginx/{version} (Debian)" >&2\n')
    nginx.chmod(0o755)
    write_gateways(tmp_path / "gateways.conf", "gateway:8000", nginx=str(nginx))
    text = (tmp_path / "gateways.conf").read_text()
    assert ("server gateway:8000 resolve" in text) is resolves
    assert ("least_conn;" in text) is resolves
    assert ('default "gateway:8000"' in text) is not resolves


async def test_a_dead_gateway_costs_no_request(tmp_path: Path, gateways: list[EchoGateway]) -> None:
    """A POST that a replica refused to accept goes to the other one."""
    with socket.socket() as dead:
        dead.bind(("127.0.0.1", 0))  # bound but not listening: connections are refused
        refusing = "{}:{}".format(*dead.getsockname())
        port = render(tmp_path, refusing, gateways[0].address)
        async with nginx_in(tmp_path, port) as client:
            answers = [await client.post("/graphql", json={}) for _ in range(6)]
    assert {answer.status_code for answer in answers} == {200}


async def test_no_gateway_at_all_is_an_error_that_graphql_clients_read(tmp_path: Path) -> None:
    """503 with a GraphQL error and a time to come back."""
    with socket.socket() as dead:
        dead.bind(("127.0.0.1", 0))
        port = render(tmp_path, "{}:{}".format(*dead.getsockname()))
        async with nginx_in(tmp_path, port) as client:
            answer = await client.post("/graphql", json={})
    assert answer.status_code == 503
    assert answer.headers["retry-after"] == "2"
    assert answer.headers["content-type"] == "application/json"
    assert answer.json()["errors"][0]["extensions"]["code"] == "SERVICE_UNAVAILABLE"


async def test_what_a_stranger_claims_to_be_is_dropped(client: httpx.AsyncClient) -> None:
    """X-Forwarded-* come from nginx, the host from the client, other protocols are not tunnelled."""
    claims = {
        "X-Forwarded-For": "203.0.113.9",
        "X-Forwarded-Proto": "https",
        "Host": "rates.example",
        "Upgrade": "h2c",
        "Connection": "Upgrade",
    }
    headers = (await client.get("/graphql", headers=claims)).json()["headers"]
    assert headers["x-forwarded-for"] == "127.0.0.1"
    assert headers["x-forwarded-proto"] == "http"
    assert headers["host"] == headers["x-forwarded-host"] == "rates.example"
    assert "upgrade" not in headers


async def test_a_trusted_proxy_is_believed(tmp_path: Path, gateways: list[EchoGateway]) -> None:
    """Behind a TLS terminator the client's own address and protocol arrive at the gateway."""
    port = render(tmp_path, gateways[0].address, RATEWIRE_NGINX_TRUSTED_PROXY="127.0.0.0/8")
    claims = {"X-Forwarded-For": "203.0.113.9", "X-Forwarded-Proto": "https"}
    async with nginx_in(tmp_path, port) as client:
        headers = (await client.get("/graphql", headers=claims)).json()["headers"]
    assert headers["x-forwarded-for"] == "203.0.113.9"
    assert headers["x-forwarded-proto"] == "https"


async def test_a_request_keeps_one_id_all_the_way(client: httpx.AsyncClient, tmp_path: Path) -> None:
    """The client's id, or a new one where it is none, reaches gateway, answer and access log alike."""
    given = await client.get("/graphql?query=secret", headers={"X-Request-Id": "abc-123"})
    assert given.headers.get_list("x-request-id") == ["abc-123"]
    assert given.json()["headers"]["x-request-id"] == "abc-123"
    forged = await client.get("/graphql", headers={"X-Request-Id": 'a" b'})
    assert forged.json()["headers"]["x-request-id"] == forged.headers["x-request-id"] != 'a" b'
    await client.get("/health/live")
    lines = [json.loads(line) for line in (tmp_path / "log").read_text().splitlines() if line[:1] == "{"]
    assert [line["request_id"] for line in lines] == ["abc-123", forged.headers["x-request-id"]]
    assert lines[0]["path"] == "/graphql"
    assert lines[0]["status"] == 200


async def test_json_is_compressed_and_cache_headers_pass(client: httpx.AsyncClient) -> None:
    """Compressed where the client takes it, with the gateway's own Cache-Control."""
    answer = await client.get("/assets/app.js", headers={"Accept-Encoding": "gzip"})
    assert answer.headers["content-encoding"] == "gzip"
    assert answer.headers["cache-control"] == "max-age=60"
    assert "Accept-Encoding" in answer.headers["vary"]
    assert answer.headers["server"] == "nginx"


async def test_an_event_passes_before_the_next_one_exists(
    client: httpx.AsyncClient, gateways: list[EchoGateway]
) -> None:
    """Event streams are neither buffered nor compressed."""
    async with client.stream("GET", "/graphql/events", headers={"Accept-Encoding": "gzip"}) as answer:
        assert "content-encoding" not in answer.headers
        chunks = answer.aiter_text()
        assert await anext(chunks) == "data: 1\n\n"
        for gateway in gateways:
            gateway.second_event.set()
        assert await anext(chunks) == "data: 2\n\n"


async def test_websockets_pass_with_their_subprotocol(client: httpx.AsyncClient) -> None:
    """An upgrade is negotiated end to end and messages go both ways."""
    url = f"ws://{client.base_url.host}:{client.base_url.port}/graphql"
    async with connect(url, subprotocols=["graphql-transport-ws"], proxy=None) as websocket:  # type: ignore[list-item]
        assert websocket.subprotocol == "graphql-transport-ws"
        await websocket.send("ping")
        assert await asyncio.wait_for(websocket.recv(), TIMEOUT_S) == "ping"


@pytest.mark.parametrize("path", ["/health/ready", "/health/", "/metrics", "/docs", "/openapi.json"])
async def test_what_the_system_says_about_its_inside_is_not_public(
    client: httpx.AsyncClient, path: str
) -> None:
    """404, whatever the gateway would answer."""
    assert (await client.get(path)).status_code == 404


@pytest.mark.parametrize("path", ["/", "/assets/app.js", "/graphql", "/health/live"])
async def test_what_users_need_is_public(client: httpx.AsyncClient, path: str) -> None:
    """The page, its assets, GraphQL, and liveness for monitors."""
    assert (await client.get(path)).json()["path"] == path


async def test_a_body_that_is_too_large_is_refused(client: httpx.AsyncClient) -> None:
    """256 KiB pass, one byte more does not, and the refusal is a GraphQL error."""
    assert (await client.post("/graphql", content=b" " * 262_144)).status_code == 200
    refused = await client.post("/graphql", content=b" " * 262_145)
    assert refused.status_code == 413
    assert refused.json()["errors"][0]["extensions"]["code"] == "BAD_USER_INPUT"


async def test_a_flood_from_one_address_is_refused(tmp_path: Path, gateways: list[EchoGateway]) -> None:
    """Past the burst: 429, a GraphQL error, and a time to come back."""
    port = render(
        tmp_path,
        gateways[0].address,
        RATEWIRE_NGINX_REQUESTS_PER_SECOND="1",
        RATEWIRE_NGINX_REQUEST_BURST="2",
    )
    async with nginx_in(tmp_path, port) as client:
        answers = [await client.get("/graphql") for _ in range(5)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429, 429]
    assert answers[-1].headers["retry-after"] == "1"
    assert answers[-1].json()["errors"][0]["extensions"]["code"] == "RATE_LIMITED"
