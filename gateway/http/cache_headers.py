"""Cache headers of responses to GET: cacheable while all rates in them stay fresh.

See docs/decisions/0008.
"""

import hashlib

from gateway.http.negotiation import MediaType
from gateway.results import QueryResult
from gateway.schema.context import OperationMetadata


def make_cache_headers(answer: QueryResult, metadata: OperationMetadata, media: MediaType) -> dict[str, str]:
    """Return the cache headers of a response, or none if it must not be cached."""
    kept = cache_control(answer, metadata)
    return {"cache-control": kept, "etag": entity_tag(answer.body, media.value)} if kept else {}


def cache_control(answer: QueryResult, metadata: OperationMetadata) -> str | None:
    """Return `Cache-Control` with the whole seconds until the first rate expires.

    It is `None` for errors and for results without rates.
    """
    if metadata.fresh_for is None or metadata.no_store or answer.has_errors:
        return None
    seconds = max(0, int(metadata.fresh_for.total_seconds()))
    # A shared cache must not give an answer that needs a key to others [RFC 9111, 3.5].
    shared = "public" if metadata.principal.is_anonymous else "private"
    return f"{shared}, max-age={seconds}, must-revalidate"


def entity_tag(body: bytes, content_type: str) -> str:
    """Return an entity tag that is equal only for equal bytes of the same type."""
    return f'"{hashlib.blake2b(body, digest_size=12, key=content_type.encode()[:64]).hexdigest()}"'


def matches(if_none_match: str | None, tag: str) -> bool:
    """Tell whether `If-None-Match` contains the tag.

    Compressing proxies weaken tags: those are equal too.
    """
    if if_none_match is None:
        return False
    held = [each.strip().removeprefix("W/") for each in if_none_match.split(",")]
    return "*" in held or tag in held
