"""How long the answer to a GET may be kept: as long as every rate in it is as fresh as it says. See docs/decisions/0008."""

import hashlib

from gateway.http.negotiation import MediaType
from gateway.operations import QueryResult
from gateway.schema.context import OperationMetadata


def make_cache_headers(answer: QueryResult, metadata: OperationMetadata, media: MediaType) -> dict[str, str]:
    """What a client is told of keeping this answer; nothing where it is not to be kept."""
    kept = cache_control(answer, metadata)
    return {"cache-control": kept, "etag": entity_tag(answer.body, media.value)} if kept else {}


def cache_control(answer: QueryResult, metadata: OperationMetadata) -> str | None:
    """The header: whole seconds until the first rate in the answer expires. `None` for what is not to be kept: errors, and
    answers without rates.
    """
    if metadata.fresh_for is None or metadata.no_store or answer.has_errors:
        return None
    seconds = max(0, int(metadata.fresh_for.total_seconds()))
    return f"public, max-age={seconds}, must-revalidate"


def entity_tag(body: bytes, content_type: str) -> str:
    """Equal for equal bytes of the same type only."""
    return f'"{hashlib.blake2b(body, digest_size=12, key=content_type.encode()[:64]).hexdigest()}"'


def matches(if_none_match: str | None, tag: str) -> bool:
    """Whether the client holds this very answer already. Proxies that compress make the tag weak: that compares equal."""
    if if_none_match is None:
        return False
    held = [each.strip().removeprefix("W/") for each in if_none_match.split(",")]
    return "*" in held or tag in held
