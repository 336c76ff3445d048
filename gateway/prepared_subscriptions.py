"""Prepared subscriptions: thousands of viewers of one page send the very same one."""

import msgspec

from gateway.cache_limits import (
    MAX_CACHED_DOCUMENT,
    MAX_PREPARED_SUBSCRIPTIONS,
    MAX_PREPARED_SUBSCRIPTIONS_BYTES,
    PREPARED_REQUEST_BYTES,
    SEEN_KEYS,
)
from gateway.lru import BoundedLru, SecondSight
from gateway.prepared_operation import PreparedOperation
from gateway.request import GraphQLRequest
from gateway.state.catalog import InstrumentCatalog

# The document, the name of the operation, its variables as JSON, and the revision of the instruments, which decides what it costs.
SubscriptionKey = tuple[str, str | None, bytes, int]


class PreparedSubscriptions:
    """Subscriptions of the fast path, kept from the second time on."""

    def __init__(self, catalog: InstrumentCatalog) -> None:
        self._catalog = catalog
        self._seen = SecondSight(SEEN_KEYS)
        self._kept: BoundedLru[SubscriptionKey, PreparedOperation] = BoundedLru(
            size=MAX_PREPARED_SUBSCRIPTIONS,
            weight=MAX_PREPARED_SUBSCRIPTIONS_BYTES,
            weigh=lambda key, _: PREPARED_REQUEST_BYTES + 4 * (len(key[0]) + len(key[2])),
        )

    def key_of(self, request: GraphQLRequest) -> SubscriptionKey | None:
        """Return the key of a request, or `None` for one that is not kept.

        Such a request registers its document, or is long.
        """
        if request.document_id is not None or len(request.query) > MAX_CACHED_DOCUMENT:
            return None
        try:
            variables = msgspec.json.encode(request.variables)
        except (OverflowError, RecursionError, UnicodeError):
            # A number beyond 64 bits, for one.
            return None
        if len(variables) > MAX_CACHED_DOCUMENT:
            return None
        return request.query, request.operation_name, variables, self._catalog.revision

    def find(self, key: SubscriptionKey) -> PreparedOperation | None:
        """Return the prepared subscription of an equal request."""
        return self._kept.get(key)

    def keep(self, key: SubscriptionKey, prepared: PreparedOperation) -> None:
        """Keep a subscription that came before."""
        if prepared.subscription is not None and self._seen.admits(key):
            self._kept.put(key, prepared.without_document())
