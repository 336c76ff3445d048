"""Identifiers of documents.

Link: https://github.com/graphql/graphql-over-http/blob/main/spec/Appendix%20A%20--%20Persisted%20Documents.md
"""

import re
from hashlib import sha256

MAX_LENGTH = 200
SHA256 = "sha256:"
_HASH = re.compile(r"[0-9a-f]{64}")
_ID = re.compile(r"(?:sha256:[0-9a-f]{64}|(?:x-[A-Za-z0-9._~-]+:)?[A-Za-z0-9._~-]+)")


def hash_document(text: str) -> str:
    """Return the identifier that follows from a document: `sha256:` and the hash of its text."""
    return SHA256 + sha256(text.encode()).hexdigest()


def is_document_id(value: str) -> bool:
    """Tell whether this may name a document."""
    return len(value) <= MAX_LENGTH and _ID.fullmatch(value) is not None


def normalize_hash(value: str) -> str:
    """Return the identifier of a bare hash, as Apollo's clients send it; another value as it is."""
    return SHA256 + value if _HASH.fullmatch(value) else value
