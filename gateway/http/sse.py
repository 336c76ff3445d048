"""Operations as server-sent events: graphql-sse, in both modes.

Links: https://github.com/enisdenjo/graphql-sse/blob/master/PROTOCOL.md, https://html.spec.whatwg.org/multipage/server-sent-events.html
"""

import msgspec

from gateway.http.negotiation import MediaType

# Browsers reconnect after 3 s by default.
RETRY_MS = 1_000
# A stream without events, after which a browser comes back.
RETRY_STREAM = b"retry: 2000\n\n"


def frame_next(operation: str, result: bytes) -> bytes:
    """Encode the event with a result of one of several operations."""
    return b'event: next\ndata: {"id":%b,"payload":%b}\n\n' % (msgspec.json.encode(operation), result)


def frame_complete(operation: str) -> bytes:
    """Encode the event at the end of one of several operations."""
    return b'event: complete\ndata: {"id":%b}\n\n' % msgspec.json.encode(operation)


class EventFraming:
    """Writes results as events with the cursor as `id`.

    Browsers send the last `id` back as `Last-Event-ID`.
    """

    media_type = MediaType.EVENTS
    content_type = "text/event-stream; charset=utf-8"
    # Sent at once, so that the client knows that the stream is open.
    opening = b"retry: %d\n\n" % RETRY_MS
    heartbeat = b":\n\n"
    # With an empty `data`, because browsers do not dispatch events without it.
    complete = b"event: complete\ndata:\n\n"
    # Nothing: clients reconnect after an end without `complete`.
    interrupted = b""

    @staticmethod
    def frame(result: bytes, cursor: str | None) -> bytes:
        name = b"event: next\n" if cursor is None else b"event: next\nid: %b\n" % cursor.encode()
        return b"%bdata: %b\n\n" % (name, result)
