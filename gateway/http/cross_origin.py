"""Requests of pages of other origins: preflights, and headers for listed pages.

Links: https://fetch.spec.whatwg.org/#http-cors-protocol, https://wicg.github.io/private-network-access/
"""

from starlette.datastructures import Headers, MutableHeaders
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.http.response import VARY
from gateway.origins import OriginPolicy
from gateway.results import encode

METHODS = ("GET", "HEAD", "POST", "PUT", "DELETE")
EXPOSED_HEADERS = ("ETag", "Date", "Retry-After", "RateLimit", "RateLimit-Policy", "X-Request-Id")


class CrossOrigin(CORSMiddleware):
    """Starlette's middleware with `policy`.

    Listed pages may send any header: none has a meaning that harms.
    """

    def __init__(self, app: ASGIApp, policy: OriginPolicy) -> None:
        super().__init__(
            app,
            allow_origins=["*"] if policy.allows_all else [],
            allow_methods=METHODS,
            allow_headers=["*"],
            allow_private_network=True,
            expose_headers=EXPOSED_HEADERS,
        )
        self._policy = policy

    def is_allowed_origin(self, origin: str) -> bool:
        return self._policy.is_listed(origin)

    def preflight_response(self, request_headers: Headers) -> Response:
        origin = request_headers["origin"]
        if self.is_allowed_origin(origin):
            return super().preflight_response(request_headers)
        self._policy.log_refusal(origin, "preflight")
        refusal = self._refusal(origin)
        if _is_from_browser(request_headers):
            # A browser keeps the answer to a preflight from its page. It may send the request, and is told the reason then.
            refusal = Response(status_code=204, headers={**self.preflight_headers, "vary": "Origin"})
            refusal.headers["access-control-allow-origin"] = origin
            if requested := request_headers.get("access-control-request-headers"):
                refusal.headers["access-control-allow-headers"] = requested
        return refusal

    async def simple_response(
        self, scope: Scope, receive: Receive, send: Send, request_headers: Headers
    ) -> None:
        origin = request_headers.get("origin")
        if origin is not None and not self._policy.allows(request_headers):
            self._policy.log_refusal(origin, "http")
            if _is_from_browser(request_headers):
                refusal = self._refusal(origin)
                # It holds no data, so any page may read it: otherwise its browser would hide the reason from it.
                refusal.headers["access-control-allow-origin"] = origin
                await refusal(scope, receive, send)
                return
            # Other clients that send an origin read the answer; an old browser keeps it from the page.
        await super().simple_response(scope, receive, send, request_headers)

    def _refusal(self, origin: str) -> Response:
        return Response(
            encode({"errors": [self._policy.refusal(origin)]}),
            status_code=403,
            headers={"content-type": "application/json", "vary": self.preflight_headers["Vary"]},
        )

    async def send(self, message: Message, send: Send, request_headers: Headers) -> None:
        """Add the headers for a listed page.

        Starlette adds `Origin` to `Vary`, although it may be there.
        """
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            if (vary := headers.get("vary", "")).endswith(VARY):
                headers["vary"] = vary.removesuffix(", Origin")
            if not self.is_allowed_origin(request_headers.get("origin", "")):
                # Nobody may read anything, but a cache must not give this answer to a listed page.
                headers.add_vary_header("Origin")
                await send(message)
                return
        await super().send(message, send, request_headers)


def _is_from_browser(headers: Headers) -> bool:
    """Tell whether a browser says of which site its page is.

    All do over TLS and to loopback.
    """
    return "sec-fetch-site" in headers
