"""Operations as an event stream: graphql-sse, distinct connections mode.

Links: https://github.com/enisdenjo/graphql-sse/blob/master/PROTOCOL.md, https://html.spec.whatwg.org/multipage/server-sent-events.html
"""

from gateway.http.negotiation import MediaType

# Browsers wait 3 s by default before they come back.
RETRY_MS = 1_000


class EventFraming:
    """Writes results as events. `id` is the cursor, which a browser sends as `Last-Event-ID` when it comes back."""

    media_type = MediaType.EVENTS
    content_type = "text/event-stream; charset=utf-8"
    # At once, so that the client learns that the stream is open.
    opening = b"retry: %d\n\n" % RETRY_MS
    heartbeat = b":\n\n"
    # With an empty `data`, because browsers do not dispatch events that have none.
    complete = b"event: complete\ndata:\n\n"
    # No word: an end without `complete` is what makes clients come back.
    interrupted = b""

    @staticmethod
    def frame(result: bytes, cursor: str | None) -> bytes:
        name = b"event: next\n" if cursor is None else b"event: next\nid: %b\n" % cursor.encode()
        return b"%bdata: %b\n\n" % (name, result)
