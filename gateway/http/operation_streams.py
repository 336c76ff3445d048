"""Answers to operations as streams over HTTP: counted, admitted, written one by one."""

from collections.abc import AsyncGenerator, Iterator
from contextlib import ExitStack, aclosing, contextmanager

from starlette.datastructures import Headers

from gateway.admission import Admission, TooManyJoins
from gateway.budgets.account import Account
from gateway.budgets.account_registry import Accounts
from gateway.budgets.open_stream import OpenSocket, OpenStream
from gateway.client_connections import RETRY_AFTER_S, ClientConnections
from gateway.client_limits import ClientLimitReached, ClientLimits, read_address
from gateway.http.negotiation import MediaType
from gateway.http.refusals import limit_error, stopping_error
from gateway.http.request_body import HttpError
from gateway.http.response import send_response
from gateway.http.stream import Framing, HttpExchange, Streams, write_results
from gateway.operations import Operations
from gateway.prepared_operation import OperationKind, OperationRejected, PreparedOperation
from gateway.results import encode
from gateway.schema.context import OperationMetadata


class OperationStreams:
    """Writes the results of operations into streams."""

    def __init__(
        self,
        operations: Operations,
        streams: Streams,
        connections: ClientConnections,
        *,
        admission: Admission,
        limits: ClientLimits,
        accounts: Accounts,
    ) -> None:
        self._operations = operations
        self._streams = streams
        self._connections = connections
        self._admission = admission
        self._limits = limits
        self._accounts = accounts

    async def answer(
        self,
        framing: Framing,
        operation: PreparedOperation | OperationRejected,
        exchange: HttpExchange,
        account: Account,
    ) -> None:
        """Write the results of an operation, counted as a stream of its client until the end.

        Raises:
            HttpError: the gateway is stopping, or the client or the gateway has no room for it.
        """
        if self._connections.is_closed:
            raise stopping_error()
        if exchange.scope["method"] == "HEAD":
            await send_response(exchange.send, 200, b"", {"content-type": framing.content_type})
            return
        with self._counted(read_address(exchange.scope), operation, account) as opened:
            if operation.kind is OperationKind.SUBSCRIPTION:
                await self.wait_for_turn()
            metadata = OperationMetadata(principal=exchange.principal, stream=opened)
            await self._serve_stream(framing, operation, exchange, metadata, account)

    @contextmanager
    def _counted(
        self, address: str, operation: PreparedOperation | OperationRejected, account: Account
    ) -> Iterator[OpenStream | None]:
        """Count a stream, and its subscription, until its end. Yield the subscription, if it is one."""
        limits = [self._limits.sockets]
        if operation.kind is OperationKind.SUBSCRIPTION:
            limits.append(self._limits.subscriptions)
        with ExitStack() as taken:
            for limit in limits:
                try:
                    limit.take(address)
                except ClientLimitReached as exc:
                    raise limit_error(exc) from exc
                taken.callback(limit.release, address)
            opened = None
            try:
                taken.callback(OpenSocket(account).close)
                if isinstance(operation, PreparedOperation) and operation.stream is not None:
                    opened = self._accounts.open_stream(account, operation.stream)
                    taken.callback(opened.close)
            except ClientLimitReached as exc:
                raise limit_error(exc) from exc
            yield opened

    async def _serve_stream(
        self,
        framing: Framing,
        operation: PreparedOperation | OperationRejected,
        exchange: HttpExchange,
        metadata: OperationMetadata,
        account: Account,
    ) -> None:
        if framing.media_type is MediaType.EVENTS:
            metadata.resume_from = Headers(scope=exchange.scope).get("last-event-id") or None
        results = self.results(operation, metadata, account)
        await self._streams.serve(
            framing, lambda body: write_results(framing, results, metadata, body), exchange
        )

    async def wait_for_turn(self) -> None:
        """Wait until a new subscription may start.

        Raises:
            HttpError: too many wait already.
        """
        try:
            await self._admission.wait()
        except TooManyJoins as exc:
            raise HttpError(
                503, "too many new subscriptions at once: try again", {"retry-after": str(RETRY_AFTER_S)}
            ) from exc

    async def results(
        self,
        operation: PreparedOperation | OperationRejected,
        metadata: OperationMetadata,
        account: Account,
    ) -> AsyncGenerator[bytes, None]:
        """Yield the results of any operation. In an open stream, a rejection is a result too."""
        if isinstance(operation, OperationRejected):
            yield encode({"errors": operation.errors})
        elif operation.kind is OperationKind.SUBSCRIPTION:
            try:
                results = await self._operations.iterate(operation, metadata)
            except OperationRejected as exc:
                yield encode({"errors": exc.errors})
                return
            async with aclosing(results):
                async for result in results:
                    yield result
        else:
            yield (await self._operations.answer(operation, metadata, account)).body
