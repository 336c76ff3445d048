"""The web pages: the dashboard at `/`, GraphiQL at `/graphql`, their assets and headers."""

from collections.abc import Iterable, Sequence
from functools import partial
from pathlib import Path

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.page_files import IMMUTABLE, REVALIDATED, PageFiles
from gateway.trusted_documents.document_store import DocumentMode

STATIC_DIRECTORY = Path(__file__).parent / "static"
DASHBOARD, EXPLORER, WALLBOARD, NOT_FOUND = "index.html", "graphiql.html", "wall.html", "not-found.html"
# Files beside the pages, whose addresses stay the same from release to release.
PLAIN_FILES = ("embed.js", "manifest.webmanifest", "icon-192.png", "icon-512.png", "icon-maskable-512.png")
_NO_FRAMES = "frame-ancestors 'none'"
_LOCKED_DOWN = f"base-uri 'none'; form-action 'none'; {_NO_FRAMES}"
# Only our own files, and connections to the gateway: nothing inline, nothing from other hosts.
DASHBOARD_POLICY = f"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; manifest-src 'self'; connect-src 'self'; {_LOCKED_DOWN}"
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


class Pages:
    """The pages and their files, as a build of `dashboard/` leaves them in `directory`.

    `simulated`: the dashboard says so before its first rate arrives. `embedding`: origins whose pages may show the wallboard in
    a frame, in the words of `frame-ancestors`. `documents`: how the pages may name documents, which GraphiQL does not.
    """

    def __init__(
        self,
        directory: Path,
        *,
        simulated: bool,
        embedding: Sequence[str] = (),
        documents: DocumentMode = DocumentMode.AUTO,
    ) -> None:
        mode = f' data-documents="{documents}"'
        viewers = " data-simulated" + mode if simulated else mode
        marks = {DASHBOARD: viewers, WALLBOARD: viewers, EXPLORER: mode}
        self._files = PageFiles(directory, {name: partial(_mark, mark) for name, mark in marks.items()})
        framing = " ".join(embedding) or "'none'"
        self._policies = {
            EXPLORER: PAGE_POLICY,
            WALLBOARD: DASHBOARD_POLICY.replace(_NO_FRAMES, f"frame-ancestors {framing}"),
        }

    async def page(
        self, name: str, request_headers: Headers, *, vary: str | None = None, status: int = 200
    ) -> Response:
        """Return an HTML page that browsers revalidate, because its asset names change per release."""
        policy = self._policies.get(name, DASHBOARD_POLICY)
        headers = {"cache-control": REVALIDATED, "content-security-policy": policy}
        if vary is not None:
            headers["vary"] = vary
        response = await self._files.respond(name, request_headers, headers, status=status)
        return response or PlainTextResponse(f"{name} is not part of this installation", status_code=404)

    async def file(self, name: str, request_headers: Headers) -> Response | None:
        """Return a file beside the pages, such as the manifest; `None` if there is none."""
        return await self._files.respond(name, request_headers, {"cache-control": REVALIDATED})

    async def asset(self, name: str, request_headers: Headers) -> Response | None:
        """Return a file with a content hash in its name, which is cached without revalidation."""
        return await self._files.respond(f"assets/{name}", request_headers, {"cache-control": IMMUTABLE})


def _mark(attributes: str, page: bytes) -> bytes:
    return page.replace(b"<html", f"<html{attributes}".encode(), 1)


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
