"""The encoded result that all subscribers of a cohort share."""

from collections.abc import Callable

import msgspec

from gateway.fastpath.selection import Field, encode_key

Envelope = tuple[bytes, bytes]
FrameEncoder = Callable[[bytes], bytes]


class EncodedPayload(msgspec.Struct, eq=False):
    """A result, encoded once. `cursor` is that of its event, if it has one.

    `frames` keeps the last frame of each encoder beside its envelope: most clients use the same operation ids.
    """

    body: bytes
    cursor: str | None = None
    frames: dict[FrameEncoder, tuple[Envelope, bytes]] = {}


def result_encoder(field: Field) -> Callable[[bytes], bytes]:
    """Return a function that encloses the encoded value of a result's only root field."""
    before = b'{"data":{' + encode_key(field.key)
    return lambda value: b"".join((before, value, b"}}"))
