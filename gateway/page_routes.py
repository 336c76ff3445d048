"""The routes of the pages and their files, and the page that stands for an unknown address."""

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from gateway.http.negotiation import parse_accept, wants_page
from gateway.pages import DASHBOARD, NOT_FOUND, PLAIN_FILES, WALLBOARD, Pages

METHODS = ["GET", "HEAD"]


def page_routes(pages: Pages) -> list[Route]:
    """Create the routes `/`, `/wall`, `/assets/…` and those of the files beside the pages."""

    async def dashboard(request: Request) -> Response:
        return await pages.page(DASHBOARD, request.headers)

    async def wallboard(request: Request) -> Response:
        return await pages.page(WALLBOARD, request.headers)

    async def asset(request: Request) -> Response:
        return _found(await pages.asset(request.path_params["name"], request.headers))

    async def plain_file(request: Request) -> Response:
        return _found(await pages.file(request.url.path.lstrip("/"), request.headers))

    return [
        Route("/", dashboard, methods=METHODS),
        Route("/wall", wallboard, methods=METHODS),
        Route("/assets/{name:path}", asset, methods=METHODS),
        *(Route(f"/{name}", plain_file, methods=METHODS) for name in PLAIN_FILES),
    ]


async def answer_not_found(pages: Pages, request: Request, exc: Exception) -> Response:
    """Answer with a page for a browser, and with JSON for anybody else."""
    if wants_page(parse_accept(request.headers.get("accept"))):
        page = await pages.page(NOT_FOUND, request.headers, vary="Accept", status=404)
        page.headers["cache-control"] = "no-store"
        return page
    detail = exc.detail if isinstance(exc, HTTPException) else "Not Found"
    return JSONResponse({"detail": detail}, status_code=404, headers={"vary": "Accept"})


def _found(response: Response | None) -> Response:
    if response is None:
        raise HTTPException(404)
    return response
