"""HTTP clients that live for one request.

Sources are polled a few times a minute, so that keeping connections gains nothing.
"""

import ssl
from collections.abc import Callable, Mapping
from functools import cache

import httpx
from socksio.exceptions import SOCKSError

from runtime.proxy import read_proxy_rules

# httpx lets the SOCKS library's errors through, for example when a proxy closes the connection.
HTTP_ERRORS = (httpx.HTTPError, SOCKSError)


def client_factory(
    base_url: str, headers: Mapping[str, str], *, timeout_s: float, simulated: bool
) -> Callable[[], httpx.AsyncClient]:
    """Return a function that creates a client for one request. The caller closes it.

    `timeout_s` bounds each wait. Simulated sources and this machine are reached directly, others through the proxy of the
    environment. Among the addresses of a host, anyio chooses by Happy Eyeballs (RFC 8305).

    Raises:
        InvalidSetting: the proxy cannot be used.

    No connection pool is shared between requests: httpcore 1.0.9 never frees the slot of a request that is cancelled before its
    connection is opened, and once all slots are lost, every later request waits until its timeout.
    """
    verify = _read_certificates()
    proxy = None if simulated else read_proxy_rules().proxy_for(base_url)

    def connect() -> httpx.AsyncClient:
        # httpx's own reading of the environment fails on networks of IPv6 in NO_PROXY.
        return httpx.AsyncClient(
            base_url=base_url,
            headers=dict(headers),
            timeout=timeout_s,
            verify=verify,
            proxy=proxy,
            trust_env=False,
        )

    return connect


@cache
def _read_certificates() -> ssl.SSLContext:
    """Return the settings of TLS for all clients of a process.

    To read the certificates takes 10 ms and more.
    """
    return httpx.create_ssl_context()
