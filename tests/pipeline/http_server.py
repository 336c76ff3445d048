"""A real HTTP server on a free port with one response for all requests, which it records."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Server:
    """With `answers = False` it accepts requests and does not respond."""

    def __init__(self, body: str = "{}") -> None:
        self.url = ""
        self.status = 200
        self.headers = {"content-type": "application/json"}
        self.body = body
        self.asked: list[tuple[str, dict[str, str]]] = []
        self.answers = True

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while request := await reader.readuntil(b"\r\n\r\n"):
                target, *lines = request.decode().split("\r\n")
                headers = dict(line.lower().split(": ", 1) for line in lines if line)
                self.asked.append((target.split(" ")[1], headers))
                if not self.answers:
                    await reader.read()
                    return
                body = self.body.encode()
                head = {"content-length": str(len(body)), **self.headers}
                lines = [f"HTTP/1.1 {self.status} X", *(f"{name}: {value}" for name, value in head.items())]
                writer.write("\r\n".join([*lines, "", ""]).encode() + body)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


@asynccontextmanager
async def open_server(body: str = "{}", *, path: str = "") -> AsyncIterator[Server]:
    """Run the server while the context is open. Its `url` ends with `path`."""
    server = Server(body)
    async with await asyncio.start_server(server.answer, "127.0.0.1", 0) as listening:
        server.url = f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}{path}"
        yield server
