"""How long the answer to a GET may be kept: as long as every rate in it is as fresh as it says. See docs/decisions/0008."""

import hashlib

from gateway.operations import Result
from gateway.schema.context import Notes


def cache_control(result: Result, notes: Notes) -> str | None:
    """The header: whole seconds until the first rate in the answer expires. `None` for what is not to be kept: errors, and
    answers without rates.
    """
    if notes.good_for is None or notes.is_momentary or "errors" in result:
        return None
    seconds = max(0, int(notes.good_for.total_seconds()))
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
