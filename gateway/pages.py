"""The web pages: the dashboard at `/`, GraphiQL at `/graphql`, their assets and headers."""

from collections.abc import Iterable
from pathlib import Path

from starlette.responses import FileResponse, PlainTextResponse, Response
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

STATIC_DIRECTORY = Path(__file__).parent / "static"
_LOCKED_DOWN = "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
# Only our own files, and connections to the gateway: nothing inline, nothing from other hosts.
DASHBOARD_POLICY = f"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; {_LOCKED_DOWN}"
# Monaco, GraphiQL's editor, adds style elements at run time and draws data: images; scripts are our own files only.
PAGE_POLICY = f"default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; object-src 'none'; {_LOCKED_DOWN}"
DATA_POLICY = "default-src 'none'; frame-ancestors 'none'"
SECURITY_HEADERS = {
    "cache-control": "no-store",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
}

Header = tuple[bytes, bytes]
_COMMON_HEADERS = [(name.encode(), value.encode()) for name, value in SECURITY_HEADERS.items()]
_PAGE_HEADERS = [(b"content-security-policy", PAGE_POLICY.encode()), *_COMMON_HEADERS]
_DATA_HEADERS = [(b"content-security-policy", DATA_POLICY.encode()), *_COMMON_HEADERS]


def read_page(directory: Path, name: str) -> Response:
    """Return an HTML page that browsers revalidate, because its asset names change per release."""
    path = directory / name
    if not path.is_file():
        return PlainTextResponse(f"{name} is not part of this installation", status_code=404)
    policy = DASHBOARD_POLICY if name == "index.html" else PAGE_POLICY
    headers = {"cache-control": "no-cache", "content-security-policy": policy}
    return FileResponse(path, media_type="text/html", headers=headers)


class Assets(StaticFiles):
    """Serves files with a content hash in their names, cached without revalidation."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory=directory, check_dir=False)

    async def get_response(self, path: str, scope: Scope) -> Response:
        response = await super().get_response(path, scope)
        if response.status_code in {200, 304}:
            response.headers["cache-control"] = "public, max-age=31536000, immutable"
        return response


class SecurityHeaders:
    """Adds security headers to every HTTP response."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = add_security_headers(message["headers"])
            await send(message)

        await self._app(scope, receive, send_with_headers)


def add_security_headers(headers: Iterable[Header]) -> list[Header]:
    """Return the headers with the security headers that are missing."""
    pairs = list(headers)
    named = dict(pairs)
    is_page = named.get(b"content-type", b"").startswith(b"text/html")
    return pairs + [pair for pair in (_PAGE_HEADERS if is_page else _DATA_HEADERS) if pair[0] not in named]
