"""Manifests of documents, as the build of a client writes them.

| format | written by |
|---|---|
| `{"format": "apollo-persisted-query-manifest", "operations": [{"id": …, "body": …}]}` | Apollo |
| `{"…": "query …"}`: identifiers and documents | Relay, graphql-codegen |
"""

from collections.abc import Iterable, Iterator, Mapping

import msgspec

from gateway.trusted_documents.document_id import hash_document, is_document_id, normalize_hash

APOLLO_FORMAT = "apollo-persisted-query-manifest"
APOLLO_VERSION = 1


class InvalidManifest(Exception):
    """A file is no manifest; the message says what was seen and what was expected."""


class _ApolloOperation(msgspec.Struct):
    id: str
    body: str


class _ApolloManifest(msgspec.Struct):
    format: str
    version: int
    operations: list[_ApolloOperation]


def parse_manifest(data: bytes) -> dict[str, str]:
    """Return the documents of a manifest by identifier.

    Each document has the identifier of the manifest and the hash of its text.

    Raises:
        InvalidManifest: not JSON, neither of the formats, or an identifier that no request can have.
    """
    try:
        return dict(_list_documents(_decode(data)))
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as exc:
        raise InvalidManifest(f"the file cannot be read: {exc}") from exc


def _decode(data: bytes) -> Iterable[tuple[str, str]]:
    content = msgspec.json.decode(data)
    if isinstance(content, Mapping) and content.get("format") == APOLLO_FORMAT:
        manifest = msgspec.convert(content, _ApolloManifest)
        if manifest.version != APOLLO_VERSION:
            raise InvalidManifest(f"the `version` is {manifest.version}: expected {APOLLO_VERSION}")
        return [(each.id, each.body) for each in manifest.operations]
    return msgspec.convert(content, dict[str, str]).items()


def _list_documents(pairs: Iterable[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    for identifier, text in pairs:
        name = normalize_hash(identifier)
        if not is_document_id(name):
            raise InvalidManifest(
                f"the identifier is {identifier[:80]!r}: expected letters, digits, '-', '.', '_' and '~'"
            )
        yield name, text
        yield hash_document(text), text
