"""Requests that have arrived whole, read by their heads where those came before."""

from typing import NamedTuple

from gateway.cache_limits import (
    KNOWN_HEAD_BYTES,
    MAX_KNOWN_HEAD,
    MAX_KNOWN_HEADS,
    MAX_KNOWN_HEADS_BYTES,
    MAX_RAW_REQUEST,
    SEEN_KEYS,
)
from gateway.http.request_scanner import RequestScanner, WholeRequest
from gateway.lru import BoundedLru, SecondSight

_END = b"\r\n\r\n"
_HANDSHAKE = b"Sec-WebSocket-Key:"


class _KnownHead(NamedTuple):
    """A head, with the length of the body that it announces."""

    request: WholeRequest
    body_length: int


class HeadCache:
    """Reads whole requests.

    A head that came before is not scanned again: its bytes alone decide what it means.

    The heads of clients that send a trace id never come again, and are not kept.
    """

    def __init__(self) -> None:
        self._scanner = RequestScanner()
        self._known: BoundedLru[bytes, _KnownHead] = BoundedLru(
            size=MAX_KNOWN_HEADS,
            weight=MAX_KNOWN_HEADS_BYTES,
            weigh=lambda head, _: KNOWN_HEAD_BYTES + 2 * len(head),
        )
        self._seen = SecondSight(SEEN_KEYS)

    def read(self, data: bytes) -> WholeRequest | None:
        """Return the request in `data`, or `None` for anything but one whole and ordinary request.

        Long ones are left to the ASGI path.
        """
        if len(data) > MAX_RAW_REQUEST:
            return None
        end = data.find(_END) + len(_END)
        head = data[:end]
        known = self._known.get(head)
        if known is not None and len(data) == end + known.body_length:
            method, target, headers, _, credentials = known.request
            return WholeRequest(method, target, headers, data[end:], credentials)
        if _HANDSHAKE in head:
            # The scanner reads no offer of another protocol, and would begin anew.
            return None
        request = self._scanner.scan(data)
        # Not of a body in chunks: its length is not in the head.
        if (
            request is not None
            and end <= MAX_KNOWN_HEAD
            and request.body == data[end:]
            and self._seen.admits(head)
        ):
            self._known.put(head, _KnownHead(request._replace(body=b""), len(request.body)))
        return request
