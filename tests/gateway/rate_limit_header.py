"""RateLimit header fields, read by a parser of structured fields (RFC 9651)."""

from typing import cast

from http_sf import parse


def read_field(value: str) -> tuple[str, dict[str, int]]:
    """Return the only item of a list, and its parameters."""
    (item,) = cast("list[tuple[str, dict[str, int]]]", parse(value.encode(), tltype="list"))
    return item
