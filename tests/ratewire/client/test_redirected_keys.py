"""A gateway that redirects does not make its clients give their key to another server."""

import asyncio
from contextlib import aclosing
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from typing import Any

import pytest
from websockets.asyncio.server import ServerConnection, serve
from websockets.datastructures import Headers
from websockets.http11 import Request, Response

from ratewire.client.query_command import send
from ratewire.client.result_printer import JsonPrinter
from ratewire.client.resuming import SUBPROTOCOL, SubscriptionRefused, subscribe

pytestmark = pytest.mark.servers

KEY = "rw_secret"
PAYLOAD: dict[str, Any] = {"query": "{ __typename }", "variables": {}, "operationName": None}


async def test_a_subscription_does_not_take_its_key_elsewhere() -> None:
    """It ends, and names the place; another attempt would be redirected likewise."""
    received: list[str | bytes] = []

    async def receive(socket: ServerConnection) -> None:
        received.extend([message async for message in socket])

    async with serve(receive, "127.0.0.1", 0, subprotocols=[SUBPROTOCOL]) as other:
        place = f"127.0.0.1:{next(iter(other.sockets)).getsockname()[1]}"

        def redirect(_socket: ServerConnection, _request: Request) -> Response:
            return Response(307, "Temporary Redirect", Headers({"Location": f"ws://{place}/graphql"}))

        async with serve(receive, "127.0.0.1", 0, process_request=redirect) as asked:
            url = f"ws://127.0.0.1:{next(iter(asked.sockets)).getsockname()[1]}/graphql"
            async with aclosing(subscribe(url, "", {}, proxy=None, key=KEY)) as events:
                with pytest.raises(SubscriptionRefused, match=place):
                    await anext(events)
    assert received == []


async def test_a_query_does_not_take_its_key_elsewhere() -> None:
    """It asks the other server without a key."""
    seen: list[tuple[str, str | None]] = []

    class Redirecting(BaseHTTPRequestHandler):
        """A gateway that names itself by another path."""

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["content-length"]))
            self.answer(302)

        def do_GET(self) -> None:
            self.answer(200)

        def answer(self, status: int) -> None:
            seen.append((self.path, self.headers["authorization"]))
            self.send_response(status)
            self.send_header("location", "/elsewhere")
            self.end_headers()
            self.wfile.write(b'{"data": {}}' if status == 200 else b"")

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name in the standard library
            """Keep the test's output clean."""

    with HTTPServer(("127.0.0.1", 0), Redirecting) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        try:
            url = f"http://127.0.0.1:{server.server_port}/graphql"
            assert await asyncio.to_thread(send, url, PAYLOAD, None, JsonPrinter(), KEY)
        finally:
            server.shutdown()
            thread.join()
    assert seen == [("/graphql", f"Bearer {KEY}"), ("/elsewhere", None)]
