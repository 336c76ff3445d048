"""The limit of HTTP on uvicorn: constant bodies, made in advance, behind nothing.

    python -m bench.bare_http PORT FILE...

`/0` answers with the bytes of the first file, `/1` with those of the second, and so on.
"""

import sys
from pathlib import Path
from typing import Any

import uvicorn


class Constant:
    """An ASGI app that does not even read the request."""

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
    constant = Constant([Path(each).read_bytes() for each in sys.argv[2:]])
    uvicorn.run(constant, port=int(sys.argv[1]), access_log=False, lifespan="off", log_level="warning")
