"""The label of simulated data: a header on every HTTP response and WebSocket handshake."""

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

LABEL_HEADER = "X-Ratewire-Simulated"


class LabelMiddleware:
    """ASGI middleware that adds the label header to every response."""

    def __init__(self, app: ASGIApp, label: str) -> None:
        self._app = app
        self._label = label

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Call the inner application and add the header."""

        async def send_labelled(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)[LABEL_HEADER] = self._label
            await send(message)

        await self._app(scope, receive, send_labelled)
