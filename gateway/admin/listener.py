"""The listener of the admin API, beside that of the gateway."""

import asyncio
import errno
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

import structlog
import uvicorn

from access.authority import KeyAuthority
from access.key_admin import KeyAdmin
from access.settings import PREFIX, AccessSettings
from gateway.admin.endpoint import ADMIN_PATH, AdminEndpoint
from gateway.budgets.account_registry import Accounts
from rates.errors import InvalidSetting, PortInUse

STOP_TIMEOUT_S = 2
POLL_S = 0.02

log = structlog.get_logger("ratewire.admin")


class _AdminServer(uvicorn.Server):
    """Uvicorn without signal handlers: the process has its own."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@asynccontextmanager
async def listening_for_admins(
    settings: AccessSettings,
    authority: KeyAuthority,
    admin: KeyAdmin,
    accounts: Accounts,
    *,
    shared: bool = False,
) -> AsyncIterator[None]:
    """Serve the admin API while the context is open, if it has a port.

    Several workers share it if `shared`.

    Raises:
        PortInUse: another process listens there.
        InvalidSetting: this machine has no such address.
    """
    if not settings.admin_port:
        yield
        return
    listener = _bind(settings, shared=shared)
    config = uvicorn.Config(
        AdminEndpoint(authority, admin, accounts),
        ws="none",
        proxy_headers=False,
        lifespan="off",
        log_config=None,
        log_level="warning",
        access_log=False,
        server_header=False,
        limit_concurrency=100,
        timeout_graceful_shutdown=STOP_TIMEOUT_S,
    )
    server = _AdminServer(config)
    serving = asyncio.create_task(server.serve(sockets=[listener]), name="admin")
    host, port = listener.getsockname()[:2]
    log.info("admin API listening", url=f"http://{host}:{port}{ADMIN_PATH}")
    try:
        yield
    finally:
        server.should_exit = True
        await asyncio.wait({serving}, timeout=2 * STOP_TIMEOUT_S)
        serving.cancel()
        listener.close()


def _bind(settings: AccessSettings, *, shared: bool) -> socket.socket:
    host, port = settings.admin_host, settings.admin_port
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, kind, protocol)
    except OSError as exc:
        raise InvalidSetting(f"{PREFIX}ADMIN_HOST", host, f"expected an address: {exc}") from exc
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if shared:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        listener.bind(address)
        listener.listen()
    except OSError as exc:
        listener.close()
        if exc.errno == errno.EADDRINUSE:
            raise PortInUse(host, port, f"{PREFIX}ADMIN_PORT") from exc
        raise InvalidSetting(
            f"{PREFIX}ADMIN_HOST", f"{host}:{port}", f"expected an address to listen on: {exc}"
        ) from exc
    listener.setblocking(False)
    return listener
