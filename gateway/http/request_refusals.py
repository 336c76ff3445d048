"""Refusals of clients whose budget is spent, in the bytes of the ASGI path.

They cost a tenth of those there: a client that goes on must not take the time of the others.
"""

from gateway.authentication import Authentication
from gateway.budgets.account import Account
from gateway.budgets.client_accounts import ClientAccounts
from gateway.client_connections import ClientConnections
from gateway.http.charging import budget_error
from gateway.http.json_type import choose_json_type, split_forwarded
from gateway.http.navigation import may_be_visit
from gateway.http.negotiation import MediaType
from gateway.http.request_scanner import WholeRequest
from gateway.http.request_target import find_query_string
from gateway.http.response import json_headers
from gateway.http.response_heads import REFUSED, ResponseHeads
from gateway.operations import Operations
from gateway.pages import Header
from gateway.results import encode
from rates.errors import BudgetExhausted


class Refusal(list[bytes]):
    """The chunks of a refusal.

    Its connection is not read for `pause_s` seconds, unless that is 0.
    """

    pause_s = 0.0


class RequestRefusals:
    """Refuses requests over HTTP of clients whose budget is spent."""

    def __init__(
        self,
        operations: Operations,
        connections: ClientConnections,
        authentication: Authentication,
        heads: ResponseHeads,
        *,
        clients: ClientAccounts,
    ) -> None:
        self._operations, self._connections = operations, connections
        self._authentication, self._heads = authentication, heads
        self._clients, self._accounts = clients, clients.accounts

    def refuse(
        self,
        media: MediaType,
        points: int,
        server_headers: list[Header],
        account: Account,
        peer: tuple[str, int] | None,
    ) -> Refusal | None:
        """Return the refusal of a client of which it is known that its budget is spent.

        By what the request costs, or because there is hardly a point left, as the ASGI path does.
        """
        limits, accounts = account.limits, self._accounts
        if limits is None or points > limits.capacity:
            return None
        error = (
            accounts.exhausted(account, points)
            if accounts.is_exhausted(account, points)
            else accounts.find_exhausted(account)
        )
        if error is None:
            return None
        return self._make(media, error, server_headers, account, peer)

    def refuse_unread(
        self, request: WholeRequest, server_headers: list[Header], peer: tuple[str, int] | None
    ) -> Refusal | None:
        """Return the refusal of a client with hardly a point, or too few for its new document.

        `None` for all that the ASGI path has to look at. It would refuse the same, at ten times the cost.
        """
        query = find_query_string(request)
        if query is None or self._connections.refusal is not None:
            return None
        credentials, who = request.credentials, self._authentication
        principal = who.find(credentials) if credentials else who.anonymous
        if principal is None:
            return None
        headers, forwarded_for = split_forwarded(request.headers)
        account = self._clients.of_peer(peer, forwarded_for, principal)
        if account.limits is None or (account.refusals.is_behind and self._clients.is_proxy(peer)):
            return None
        is_get = request.method == b"GET"
        if is_get:
            headers = tuple([each for each in headers if each[0] != b"if-none-match"])
        media = choose_json_type(headers, is_get=is_get, may_be_page=is_get and may_be_visit(query))
        if media is None or (error := self._find_exhausted(request, account)) is None:
            return None
        return self._make(media, error, server_headers, account, peer)

    def _find_exhausted(self, request: WholeRequest, account: Account) -> BudgetExhausted | None:
        """Return the error of a client that cannot pay for the least that the request costs."""
        error = self._accounts.find_exhausted(account)
        if (
            error is None
            and request.method != b"GET"
            and (points := self._operations.price_new(request.body))
        ):
            error = self._accounts.find_unaffordable(account, points)
        return error

    def _make(
        self,
        media: MediaType,
        exhausted: BudgetExhausted,
        server_headers: list[Header],
        account: Account,
        peer: tuple[str, int] | None,
    ) -> Refusal:
        """Encode a refusal and take its slot, until which its connection is not read."""
        error = budget_error(exhausted, account)
        body = encode({"errors": [{"message": str(error), "extensions": error.extensions}]})
        headers = json_headers(media, len(body), error.headers)
        refusal = Refusal([*self._heads.encode(REFUSED, server_headers, headers), body])
        pause_s = account.refusals.take()
        # A proxy has other clients, too.
        refusal.pause_s = 0.0 if self._clients.is_proxy(peer) else pause_s
        return refusal
