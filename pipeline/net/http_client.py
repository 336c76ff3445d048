"""HTTP clients that live for one call. Sources over REST are asked a few times a minute at most: a connection kept buys nothing."""

from collections.abc import Callable, Mapping

import httpx


def client_factory(
    base_url: str, headers: Mapping[str, str], *, timeout_s: float
) -> Callable[[], httpx.AsyncClient]:
    """Makes a client for each call, to be closed after it; `timeout_s` bounds each wait of the call.

    A pool that outlives a call may not outlive its deadline: httpcore 1.0.9 never gives back the place of a request that is
    cancelled before its connection is begun, and with all places lost every later request waits in vain.
    """
    # Reading the certificates takes 10 ms and more: once is enough.
    verify = httpx.create_ssl_context()

    def connect() -> httpx.AsyncClient:
        return httpx.AsyncClient(base_url=base_url, headers=dict(headers), timeout=timeout_s, verify=verify)

    return connect
