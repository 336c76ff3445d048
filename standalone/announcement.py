"""The message of the embedded system at start: its addresses, and whether prices are real."""

import socket

from rich.console import Console
from rich.markup import escape

console = Console(highlight=False)


def announce(listener: socket.socket, label: str | None) -> None:
    """Print the addresses of the pages.

    `label` names the simulated data, `None` for the real exchanges.
    """
    host, port = listener.getsockname()[:2]
    base = f"http://{'localhost' if host in ('127.0.0.1', '::1') else host}:{port}"
    kind = (
        "REAL prices from the exchanges"
        if label is None
        else f"SIMULATED prices ({escape(label)}): no exchange's"
    )
    console.print(
        f"\n  [bold]Ratewire is up[/bold], with {kind}\n"
        f"    live rates  {base}/\n"
        f"    GraphiQL    {base}/graphql\n"
        f"    health      {base}/health/ready\n"
        "  Ctrl-C stops it.\n",
        # A recording's name may be longer than the assumed width of a terminal or file.
        soft_wrap=True,
    )
