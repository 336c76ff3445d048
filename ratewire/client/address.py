"""Where the gateway is."""

from typing import Annotated
from urllib.parse import urlsplit

import typer

DEFAULT_URL = "http://localhost:8000/graphql"


def check_url(url: str) -> str:
    """An address of http or https, with the path of the endpoint where it names none.

    Raises:
        typer.BadParameter: it is none.
    """
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise typer.BadParameter(f"{url!r} is no address: expected http://HOST[:PORT][/graphql]")
    return url if parts.path not in {"", "/"} else f"{url.rstrip('/')}/graphql"


def socket_url(url: str) -> str:
    """The same endpoint over WebSocket."""
    return url.replace("http", "ws", 1)


UrlOption = Annotated[
    str,
    typer.Option(envvar="RATEWIRE_URL", help="The gateway's endpoint.", callback=check_url),
]
