"""The limit of HTTP on uvicorn: constant response bodies from a minimal ASGI application.

    python -m bench.bare_http PORT FILE...

`/0` returns the bytes of the first file, `/1` those of the second, and so on.
"""

import sys
from pathlib import Path
from typing import Any

import uvicorn


class ConstantApp:
    """An ASGI application that does not read the request."""

    def __init__(self, bodies: list[bytes]) -> None:
        self._answers = {
            f"/{number}": (
                {
                    "type": "http.response.start",
                    "status": 200,
                    "headers": [
                        (b"content-type", b"application/json"),
                        (b"content-length", str(len(body)).encode()),
                    ],
                },
                {"type": "http.response.body", "body": body},
            )
            for number, body in enumerate(bodies)
        }

    async def __call__(self, scope: Any, _receive: Any, send: Any) -> None:
        for message in self._answers[scope["path"]]:
            await send(message)


if __name__ == "__main__":
    app = ConstantApp([Path(each).read_bytes() for each in sys.argv[2:]])
    uvicorn.run(app, port=int(sys.argv[1]), access_log=False, lifespan="off", log_level="warning")
