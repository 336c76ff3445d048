"""The client of a WebSocket connection: who it is, and the account that is charged for it."""

from starlette.types import Scope

from access.principal import ANONYMOUS, Principal
from gateway.budgets.account import Account
from gateway.budgets.account_registry import Accounts
from gateway.budgets.client_accounts import ClientAccounts
from gateway.budgets.open_stream import OpenSocket
from rates.errors import AccessDenied, AccessUnavailable


class ConnectedClient:
    """The client of one connection. `socket` counts for the account that it has at present."""

    __slots__ = ("_clients", "_scope", "_socket", "principal")

    def __init__(self, clients: ClientAccounts, scope: Scope, socket: OpenSocket) -> None:
        self._clients, self._scope, self._socket = clients, scope, socket
        self.principal: Principal = ANONYMOUS
        """Who has opened the connection, from `connection_init` on."""

    @property
    def accounts(self) -> Accounts:
        """The accounts of all clients."""
        return self._clients.accounts

    @property
    def account(self) -> Account:
        """The account for which the connection counts."""
        return self._socket.account

    def forget_headers(self) -> None:
        """Keep the headers of the handshake no longer than until the client is let in: about 1.5 KB."""
        self._scope["headers"] = []

    async def deny(self, error: AccessDenied | AccessUnavailable) -> None:
        """Count that it is not let in, and wait where its address sends many such clients."""
        await self._clients.deny(error, self._scope)

    def find_account(self) -> Account:
        """Return the account of the principal, and count the connection as one of its."""
        account = self._clients.of_scope(self._scope, self.principal)
        self._socket.move_to(account)
        return account
