"""Subscriptions as multipart responses, in the protocol of Apollo's clients.

Link: https://www.apollographql.com/docs/graphos/routing/operations/subscriptions/multipart-protocol
"""

from gateway.http.negotiation import MediaType
from gateway.results import encode

BOUNDARY = "graphql"
_HEAD = b"content-type: application/json\r\n\r\n"
# Clients end a part at the boundary after it, so that boundary is sent with the part.
_NEXT = b"\r\n--graphql\r\n"
_LAST = b"\r\n--graphql--\r\n"
_STOPPED = {
    "message": "this gateway ends its streams: subscribe again",
    "extensions": {"code": "SERVICE_UNAVAILABLE"},
}


class PartFraming:
    """Writes results as parts `{"payload": …}`, and empty objects as heartbeats."""

    media_type = MediaType.PARTS
    content_type = f'multipart/mixed; boundary="{BOUNDARY}"; subscriptionSpec=1.0'
    opening = _NEXT + _HEAD + b"{}" + _NEXT
    heartbeat = _HEAD + b"{}" + _NEXT
    complete = _HEAD + b"{}" + _LAST
    interrupted = _HEAD + encode({"payload": None, "errors": [_STOPPED]}) + _LAST

    @staticmethod
    def frame(result: bytes, cursor: str | None) -> bytes:
        del cursor
        return _HEAD + b'{"payload":' + result + b"}" + _NEXT
