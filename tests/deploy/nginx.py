"""nginx configured for the distributed form, in front of gateways that echo requests."""

import asyncio
import json
import shutil
import socket
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from string import Template

import httpx
import uvicorn
from starlette.types import Receive, Scope, Send

from runtime.free_port import free_port

ROOT = Path(__file__).resolve().parents[2]
NGINX = shutil.which("nginx", path="/usr/local/sbin:/usr/sbin:/sbin:/usr/local/bin:/usr/bin") or "nginx"
HOOK = ROOT / "nginx/entrypoint/30-gateways.sh"
TIMEOUT_S = 60


class EchoGateway:
    """Echo HTTP requests and WebSocket messages; stream two events under /graphql/events.

    While `is_leaving`, answer 503 to everything, as a gateway that cannot reach Redis does. With `port` it takes the place of
    one that ended.
    """

    def __init__(self, port: int = 0) -> None:
        self.second_event = asyncio.Event()
        self.is_leaving = False
        self._socket = socket.create_server(("127.0.0.1", port))
        self.port = int(self._socket.getsockname()[1])
        self.address = f"127.0.0.1:{self.port}"
        self.server = uvicorn.Server(
            uvicorn.Config(
                self._app, interface="asgi3", log_level="error", lifespan="off", proxy_headers=False
            )
        )

    async def serve(self) -> None:
        await self.server.serve(sockets=[self._socket])

    async def _app(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self.is_leaving and scope["type"] == "websocket" and not _asks_for_status(scope):
            await receive()
            await send({"type": "websocket.accept", "subprotocol": scope["subprotocols"][0]})
            await send({"type": "websocket.close", "code": 1013, "reason": "leaving"})
        elif self.is_leaving:
            await self._refuse(scope["type"] + (".http" if scope["type"] == "websocket" else ""), send)
        elif scope["type"] == "websocket":
            await self._echo(scope, receive, send)
        elif scope["path"] == "/graphql/events":
            await self._stream(send)
        else:
            headers = {name.decode(): value.decode() for name, value in scope["headers"]}
            answer = {
                "gateway": self.address,
                "path": scope["path"],
                "target": "{}?{}".format(scope["raw_path"].decode(), scope["query_string"].decode()),
                "headers": headers,
                "padding": " " * 2000,
            }
            await self._start(send, b"application/json")
            await send({"type": "http.response.body", "body": json.dumps(answer).encode()})

    async def _refuse(self, kind: str, send: Send) -> None:
        headers = [(b"content-type", b"application/json"), (b"retry-after", b"7")]
        await send({"type": f"{kind}.response.start", "status": 503, "headers": headers})
        await send({"type": f"{kind}.response.body", "body": b'{"errors":[{"message":"leaving"}]}'})

    async def _start(self, send: Send, content_type: bytes) -> None:
        headers = [
            (b"content-type", content_type),
            (b"cache-control", b"max-age=60"),
            (b"x-request-id", b"inner"),
        ]
        await send({"type": "http.response.start", "status": 200, "headers": headers})

    async def _stream(self, send: Send) -> None:
        await self._start(send, b"text/event-stream")
        await send({"type": "http.response.body", "body": b"data: 1\n\n", "more_body": True})
        await asyncio.wait_for(self.second_event.wait(), TIMEOUT_S)
        await send({"type": "http.response.body", "body": b"data: 2\n\n"})

    async def _echo(self, scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "websocket.accept", "subprotocol": scope["subprotocols"][0]})
        while (message := await receive())["type"] == "websocket.receive":
            answer = self.address if message["text"] == "who?" else message["text"]
            await send({"type": "websocket.send", "text": answer})


def _asks_for_status(scope: Scope) -> bool:
    return any(name == b"x-ratewire-handshake-status" for name, _ in scope["headers"])


def render(folder: Path, *gateways: str, **changes: str) -> int:
    """Write the configuration as the container's entrypoint does; return the port to listen on."""
    port = free_port()
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
    """Run the entrypoint script that configures the gateways' addresses for this nginx."""
    environment = {
        "PATH": f"{Path(nginx).parent}:/usr/bin:/bin",
        "RATEWIRE_NGINX_GATEWAY": " ".join(gateways),
    }
    subprocess.run([HOOK, target], env=environment, check=True, timeout=TIMEOUT_S)


@asynccontextmanager
async def nginx_in(folder: Path, port: int) -> AsyncIterator[httpx.AsyncClient]:
    """Run nginx and yield a client for it; `folder/log` has its output."""
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
