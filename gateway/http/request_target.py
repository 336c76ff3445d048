"""Targets of requests that the fast path may answer.

They lead to the GraphQL endpoint, and not to an operation of an event stream.
"""

from gateway.http.request_scanner import WholeRequest

PATH = b"/graphql"
STREAM_PARAMETER = b"token="
METHODS = (b"GET", b"POST")


def find_query_string(request: WholeRequest) -> bytes | None:
    """Return the query string of a request that the fast path may answer; else `None`."""
    path, _, query = request.target.partition(b"?")
    if path != PATH or b"#" in query or STREAM_PARAMETER in query or request.method not in METHODS:
        return None
    return query
