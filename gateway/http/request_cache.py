"""Known requests, answered without parsing, in the bytes of the ASGI path.

Everything else (other paths, requests with an `Origin`, streams, errors) is left to `gateway.http.endpoint`.
"""

from collections.abc import Callable
from typing import NamedTuple, TypeVar

from access.principal import ANONYMOUS, Principal
from access.scope import AccessScope
from gateway.authentication import Authentication
from gateway.budgets.account import Account
from gateway.budgets.client_accounts import ClientAccounts
from gateway.cache_limits import (
    MAX_PREPARED_REQUESTS,
    MAX_PREPARED_REQUESTS_BYTES,
    MAX_RAW_REQUEST,
    MAX_RAW_REQUESTS,
    MAX_RAW_REQUESTS_BYTES,
    PREPARED_REQUEST_BYTES,
    SEEN_KEYS,
)
from gateway.client_connections import ClientConnections
from gateway.fastpath.plan import QueryPlan
from gateway.fastpath.query_template import count_symbols
from gateway.http.cache_headers import make_cache_headers, matches
from gateway.http.head_cache import HeadCache
from gateway.http.json_type import choose_json_type, decode_header, first_value, split_forwarded
from gateway.http.navigation import may_be_visit
from gateway.http.negotiation import MediaType
from gateway.http.request_refusals import RequestRefusals
from gateway.http.request_scanner import WholeRequest
from gateway.http.request_target import find_query_string
from gateway.http.response import json_headers
from gateway.http.response_heads import NOT_MODIFIED, OK, ResponseHeads
from gateway.lru import BoundedLru, SecondSight
from gateway.operations import LIGHT, Operations
from gateway.pages import Header
from gateway.prepared_operation import PreparedOperation
from gateway.results import QueryResult
from gateway.schema.context import OperationMetadata
from gateway.turn_budget import TurnBudget
from gateway.units import KIB

# CPU time of heavy answers in a turn, in seconds. A list of 50 symbols takes 0.1 ms, one of 500 that are not encoded 20 ms.
TURN_S = 0.01
# Smaller bodies and shorter lists count as light: such a list takes about as long as one light operation, and most watch lists are
# shorter. Counted, they would exceed the budget under load and take the ASGI path, which is slower by far.
LIGHT_BODY, LIGHT_SYMBOLS = 2 * KIB, 64
# Shorter responses are joined: that costs less than writing several chunks.
MAX_JOINED_BYTES = 16 * KIB
T = TypeVar("T")

PreparedRequests = BoundedLru[tuple[bool, bytes], PreparedOperation]


class KnownRequest(NamedTuple):
    """A planned request. The response to a GET (`is_get`) may be cached, and may be a 304.

    `new_body` is that of a request whose document came before with other variables. One that `is_light` is answered without
    regard to what the turn of the loop has done already. `principal` sends it; `forwarded_for` is
    what a proxy says. `cost` is in points.
    """

    plan: QueryPlan
    media: MediaType
    is_get: bool = False
    if_none_match: str | None = None
    new_body: bytes | None = None
    is_light: bool = True
    principal: Principal = ANONYMOUS
    cost: int = 0
    forwarded_for: bytes | None = None


class RequestCache:
    """Finds known requests by their bytes, and responds to them."""

    def __init__(
        self,
        operations: Operations,
        prepared_requests: PreparedRequests,
        seen_requests: SecondSight,
        connections: ClientConnections,
        authentication: Authentication,
        *,
        clients: ClientAccounts,
    ) -> None:
        self._operations = operations
        self._authentication = authentication
        self._clients, self._accounts = clients, clients.accounts
        self._connections = connections
        self._prepared, self._seen_requests = prepared_requests, seen_requests
        self._known: BoundedLru[bytes, KnownRequest] = BoundedLru(
            size=MAX_RAW_REQUESTS,
            weight=MAX_RAW_REQUESTS_BYTES,
            weigh=lambda data, _: len(data) + PREPARED_REQUEST_BYTES,
        )
        self._seen = SecondSight(SEEN_KEYS)
        self.read_whole = HeadCache().read
        """Returns the request in some bytes, if they are one whole request that `find` may know."""
        # The connections that are readable at once are served in one turn. What is beyond takes the ASGI path, where it waits.
        self._budget = TurnBudget(TURN_S)
        self._heads = ResponseHeads()
        self.refusals = RequestRefusals(operations, connections, authentication, self._heads, clients=clients)
        """Refuses clients whose budget is spent."""
        self._last_headers: tuple[Header, ...] | None = None
        self._last_read: tuple[MediaType | None, bytes | None] = None, None

    def clear(self) -> None:
        """Forget all known requests: a document of one must not be executed any more."""
        self._known.clear()
        self._prepared.clear()

    def find_raw(self, data: bytes) -> KnownRequest | None:
        """Return the known request with exactly these bytes, if its key still counts as it did."""
        known_request = self._known.get(data) if len(data) <= MAX_RAW_REQUEST else None
        if known_request is None:
            return None
        principal = known_request.principal
        is_current = principal is ANONYMOUS or self._authentication.is_current(principal)
        return known_request if is_current else None

    def remember(self, data: bytes, known_request: KnownRequest) -> None:
        """Remember all bytes of a request that came before: equal bytes have equal responses.

        Most heads of clients that send a trace id never come again.
        """
        if known_request.new_body is None and len(data) <= MAX_RAW_REQUEST and self._seen.admits(data):
            self._known.put(data, known_request)

    def find(self, request: WholeRequest) -> KnownRequest | None:
        """Return the known request with these parts, if an equal one took the ASGI path before."""
        query = find_query_string(request)
        if query is None:
            return None
        credentials, who = request.credentials, self._authentication
        principal = who.find(credentials) if credentials else who.anonymous
        if principal is None:
            return None
        is_get = request.method == b"GET"
        key = (is_get, query if is_get else request.body)
        prepared = self._prepared.get(key)
        if prepared is None:
            return None if is_get or self._seen_requests.has_seen(key) else self._plan_new(request, principal)
        if prepared.plan is None or not prepared.scopes <= principal.scopes:
            return None
        if_none_match = None
        if is_get:
            if_none_match = first_value(request.headers, b"if-none-match")
            headers = tuple([each for each in request.headers if each[0] != b"if-none-match"])
            headers, forwarded_for = split_forwarded(headers)
            media = choose_json_type(headers, is_get=True, may_be_page=may_be_visit(query))
        else:
            media, forwarded_for = self._read_post_head(request.headers)
        return media and KnownRequest(
            prepared.plan,
            media,
            is_get,
            decode_header(if_none_match),
            is_light=prepared.cost <= LIGHT,
            principal=principal,
            cost=prepared.cost,
            forwarded_for=forwarded_for,
        )

    def _plan_new(self, request: WholeRequest, principal: Principal) -> KnownRequest | None:
        """Plan a request that did not come before; the second time it is prepared to be kept."""
        media, forwarded_for = self._read_post_head(request.headers)
        # Templates are of rates only.
        if media is None or not principal.allows(AccessScope.READ):
            return None
        body, plan_known = request.body, self._operations.plan_known
        found = plan_known(body) if len(body) <= LIGHT_BODY else self._compute(lambda: plan_known(body))
        if found is None:
            return None
        plan, cost = found
        is_light = count_symbols(plan) <= LIGHT_SYMBOLS
        return KnownRequest(
            plan,
            media,
            new_body=body,
            is_light=is_light,
            principal=principal,
            cost=cost,
            forwarded_for=forwarded_for,
        )

    def _read_post_head(self, headers: tuple[Header, ...]) -> tuple[MediaType | None, bytes | None]:
        """Return the JSON type of the response, and the value of `X-Forwarded-For`."""
        # All requests with a known head have the very same tuple.
        if headers is not self._last_headers:
            others, forwarded_for = split_forwarded(headers)
            media = choose_json_type(others, is_get=False, may_be_page=False)
            self._last_headers, self._last_read = headers, (media, forwarded_for)
        return self._last_read

    def _compute(self, work: Callable[[], T]) -> T | None:
        """Do work that may take long, or return `None` if this turn has no time left for it."""
        return self._budget.run_now(work) if self._budget.has_time else None

    def _find_heavy(self, plan: QueryPlan, metadata: OperationMetadata | None = None) -> list[bytes] | None:
        """Return the chunks of a plan that may take long.

        A list that is encoded does not, and is not measured either.
        """
        chunks = self._operations.chunks
        if self._operations.is_encoded_list(plan):
            return chunks(plan, metadata)
        return self._compute(lambda: chunks(plan, metadata))

    def respond(
        self, known_request: KnownRequest, server_headers: list[Header], peer: tuple[str, int] | None
    ) -> list[bytes] | None:
        """Return the response in chunks, or `None` if the fast path cannot make it.

        One of up to `MAX_JOINED_BYTES` is one chunk; that of a client whose budget is spent is a `Refusal`. `server_headers` are
        uvicorn's headers of every response, `peer` is the address of the connection.
        """
        if self._connections.refusal is not None:
            return None
        account = self._clients.of_peer(peer, known_request.forwarded_for, known_request.principal)
        left = account.left - known_request.cost
        if left < 0:
            if account.refusals.is_behind and self._clients.is_proxy(peer):
                # The ASGI path lets the request wait, because the connection of a proxy is read on.
                return None
            # The ASGI path waits for points, if there may be any.
            return self.refusals.refuse(
                known_request.media, known_request.cost, server_headers, account, peer
            )
        found = (
            self._respond_to_get(known_request, server_headers, account)
            if known_request.is_get
            else self._respond_to_post(known_request, server_headers, account)
        )
        if found is None:
            return None
        if left >= account.low:
            account.left = left
        else:
            self._accounts.charge_now(account, known_request.cost)
        return found

    def _respond_to_post(
        self, known_request: KnownRequest, server_headers: list[Header], account: Account
    ) -> list[bytes] | None:
        plan = known_request.plan
        chunks = self._operations.chunks(plan) if known_request.is_light else self._find_heavy(plan)
        if chunks is None:
            return None
        if known_request.new_body is not None:
            self._seen_requests.admits((False, known_request.new_body))
        length = sum(map(len, chunks))
        head = self._heads.encode_ok(known_request.media, server_headers, account.fields, length)
        chunks.insert(0, head)
        return [b"".join(chunks)] if length <= MAX_JOINED_BYTES else chunks

    def _respond_to_get(
        self, known_request: KnownRequest, server_headers: list[Header], account: Account
    ) -> list[bytes] | None:
        metadata = OperationMetadata(principal=known_request.principal)
        plan = known_request.plan
        chunks = (
            self._operations.chunks(plan, metadata)
            if known_request.is_light
            else self._find_heavy(plan, metadata)
        )
        if chunks is None:
            return None
        body = b"".join(chunks)
        headers = make_cache_headers(QueryResult(body, has_errors=False), metadata, known_request.media)
        if headers and matches(known_request.if_none_match, headers["etag"]):
            status, body = NOT_MODIFIED, b""
        else:
            headers = headers or account.headers
            status, headers = OK, json_headers(known_request.media, len(body), headers)
        chunks = [*self._heads.encode(status, server_headers, headers), body]
        return [b"".join(chunks)] if len(body) <= MAX_JOINED_BYTES else chunks


def make_prepared_requests() -> PreparedRequests:
    """Create the cache of operations by query string (`True`) or body (`False`)."""
    return BoundedLru(
        size=MAX_PREPARED_REQUESTS,
        weight=MAX_PREPARED_REQUESTS_BYTES,
        weigh=lambda key, _: PREPARED_REQUEST_BYTES + 4 * len(key[1]),
    )
