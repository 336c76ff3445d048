"""The address of the gateway, as an option of the client commands."""

from typing import Annotated
from urllib.parse import urlsplit

import typer

from rates.errors import InvalidSetting

DEFAULT_URL = "http://localhost:8000/graphql"


def check_url(url: str) -> str:
    """Return the http or https address, with the endpoint's path added if it has none.

    Raises:
        typer.BadParameter: not an http or https address.
    """
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise typer.BadParameter(f"{url!r} is not an address: expected http://HOST[:PORT][/graphql]")
    return url if parts.path not in {"", "/"} else f"{url.rstrip('/')}/graphql"


def socket_url(url: str) -> str:
    """Return the WebSocket address of the same endpoint."""
    return url.replace("http", "ws", 1)


def proxy_of(url: str) -> str | None:
    """Return the proxy of the environment for the gateway, `None` for a direct connection.

    Raises:
        typer.BadParameter: the proxy cannot be used.
    """
    from runtime.proxy import read_proxy_rules

    try:
        return read_proxy_rules().proxy_for(url)
    except InvalidSetting as exc:
        raise typer.BadParameter(str(exc)) from exc


UrlOption = Annotated[
    str,
    typer.Option(envvar="RATEWIRE_URL", help="The gateway's endpoint.", callback=check_url),
]
