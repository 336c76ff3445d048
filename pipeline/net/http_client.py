"""HTTP clients that live for one request.

Sources are polled a few times a minute, so that keeping connections gains nothing.
"""

from collections.abc import Callable, Mapping

import httpx


def client_factory(
    base_url: str, headers: Mapping[str, str], *, timeout_s: float
) -> Callable[[], httpx.AsyncClient]:
    """Return a function that creates a client for one request. The caller closes it.

    `timeout_s` bounds each wait.

        No connection pool is shared between requests: httpcore 1.0.9 never frees the slot of a request that is cancelled before its
    connection is opened, and once all slots are lost, every later request waits until its timeout.
    """
    # Reading the certificates takes 10 ms and more.
    verify = httpx.create_ssl_context()

    def connect() -> httpx.AsyncClient:
        return httpx.AsyncClient(base_url=base_url, headers=dict(headers), timeout=timeout_s, verify=verify)

    return connect
