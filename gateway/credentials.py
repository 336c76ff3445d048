"""Keys and tokens in requests: header fields, and the payload of `connection_init`. Pure.

They are read and dropped: a key never becomes part of what is encoded or kept by its content.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from rates.errors import DenialReason, Unauthenticated

AUTHORIZATION, API_KEY = b"authorization", b"x-api-key"
CREDENTIAL_HEADERS = frozenset({AUTHORIZATION, API_KEY})
_BEARER = "bearer"
# Names in the payload of `connection_init`, in lower case: clients have no common one.
_PAYLOAD_NAMES = frozenset({"authorization", "x-api-key", "apikey", "api_key"})


def read_credential(headers: Iterable[tuple[bytes, bytes]]) -> str | None:
    """Return the key or token in the header fields, `None` if there is none.

    Another scheme than `Bearer` is meant for somebody else on the way, such as a proxy that asks for a password.

    Raises:
        Unauthenticated: there are several different ones.
    """
    found = None
    for name, value in headers:
        if name in CREDENTIAL_HEADERS:
            text = value.decode("latin-1").strip()
            found = _merge(found, _read_bearer(text) if name == AUTHORIZATION else text or None)
    return found


def read_payload_credential(payload: Mapping[str, Any] | None) -> str | None:
    """Return the key or token in the payload of `connection_init`, or in its `headers`.

    Raises:
        Unauthenticated: there are several different ones.
    """
    if payload is None:
        return None
    found = None
    inner = payload.get("headers")
    for names in (payload, inner if isinstance(inner, Mapping) else {}):
        for name, value in names.items():
            key = name.lower()
            if key in _PAYLOAD_NAMES and isinstance(value, str) and value.strip():
                text = value.strip()
                found = _merge(found, _read_bearer(text) if key == "authorization" else text)
    return found


def _read_bearer(text: str) -> str | None:
    scheme, _, token = text.partition(" ")
    return (token.strip() or None) if scheme.lower() == _BEARER else None


def _merge(one: str | None, other: str | None) -> str | None:
    if one is not None and other is not None and one != other:
        raise Unauthenticated(DenialReason.AMBIGUOUS)
    return one if other is None else other
