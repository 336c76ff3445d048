"""The documents that a request may name, by mode, in bounded memory."""

from hashlib import sha256

import pytest
from structlog.testing import capture_logs

from gateway.cache_limits import MAX_CACHED_DOCUMENT, MAX_REGISTERED_DOCUMENTS, MAX_REGISTERED_DOCUMENTS_BYTES
from gateway.trusted_documents.document_store import (
    DocumentError,
    DocumentHashMismatch,
    DocumentMode,
    DocumentRefused,
    DocumentStore,
    IdsNotSupported,
    UnknownDocument,
)

TEXT, OTHER = "{ __typename }", "{ a: __typename }"


def id_of(text: str) -> str:
    return f"sha256:{sha256(text.encode()).hexdigest()}"


ID = id_of(TEXT)


def make_store(mode: DocumentMode) -> DocumentStore:
    store = DocumentStore(mode)
    store.set_trusted({"trusted": OTHER})
    return store


@pytest.mark.parametrize(
    ("mode", "document_id", "text", "expected"),
    [
        ("off", None, TEXT, TEXT),
        ("off", ID, TEXT, TEXT),
        ("off", id_of(OTHER), TEXT, TEXT),
        ("off", ID, "", IdsNotSupported),
        ("off", "trusted", "", IdsNotSupported),
        ("auto", None, TEXT, TEXT),
        ("auto", None, "", ""),
        ("auto", ID, TEXT, TEXT),
        ("auto", id_of(OTHER), TEXT, DocumentHashMismatch),
        ("auto", "trusted", OTHER, OTHER),
        ("auto", "trusted", TEXT, DocumentHashMismatch),
        ("auto", ID, "", UnknownDocument),
        ("auto", "trusted", "", OTHER),
        ("prefer", None, TEXT, TEXT),
        ("prefer", ID, TEXT, TEXT),
        ("prefer", id_of(OTHER), TEXT, DocumentHashMismatch),
        ("prefer", ID, "", UnknownDocument),
        ("prefer", "trusted", "", OTHER),
        ("only", None, TEXT, DocumentRefused),
        ("only", None, OTHER, DocumentRefused),
        ("only", "trusted", OTHER, DocumentRefused),
        ("only", ID, "", UnknownDocument),
        ("only", "trusted", "", OTHER),
    ],
)
def test_the_mode_says_how_a_document_may_be_named(
    mode: str, document_id: str | None, text: str, expected: str | type[DocumentError]
) -> None:
    """By itself, by its hash, or by the identifier of a manifest."""
    store = make_store(DocumentMode(mode))
    if isinstance(expected, str):
        assert store.resolve(document_id, text) == expected
    else:
        with pytest.raises(expected):
            store.resolve(document_id, text)


@pytest.mark.parametrize("mode", DocumentMode)
def test_clients_register_documents_in_one_mode_only(mode: DocumentMode) -> None:
    """Elsewhere the operator's documents are the only ones with a name."""
    store = make_store(mode)
    store.register(ID, TEXT)
    if mode is DocumentMode.AUTO:
        assert store.resolve(ID, "") == TEXT
    else:
        with pytest.raises(DocumentError):
            store.resolve(ID, "")


def test_what_nobody_asks_for_replaces_nothing_that_somebody_asked_for() -> None:
    """A client that registers more documents than there is room for replaces its own."""
    store = make_store(DocumentMode.AUTO)
    store.register(ID, TEXT)
    assert store.resolve(ID, "") == TEXT
    for number in range(MAX_REGISTERED_DOCUMENTS + 1):
        text = f"{{ a{number}: __typename }}"
        store.register(id_of(text), text)
    assert store.resolve(ID, "") == TEXT
    with pytest.raises(UnknownDocument):
        store.resolve(id_of("{ a0: __typename }"), "")


def test_long_documents_are_bounded_together_and_alone() -> None:
    """Memory does not grow with what clients send."""
    store = make_store(DocumentMode.AUTO)
    store.register(ID, TEXT.ljust(MAX_CACHED_DOCUMENT + 1))
    with pytest.raises(UnknownDocument):
        store.resolve(ID, "")
    count = MAX_REGISTERED_DOCUMENTS_BYTES // (4 * MAX_CACHED_DOCUMENT)
    texts = [f"{{ a{number}: __typename }}".ljust(MAX_CACHED_DOCUMENT) for number in range(count + 1)]
    for text in texts:
        store.register(id_of(text), text)
    with pytest.raises(UnknownDocument):
        store.resolve(id_of(texts[0]), "")
    assert store.resolve(id_of(texts[-1]), "") == texts[-1]


def test_a_document_of_no_manifest_is_logged_once_where_manifests_are_preferred() -> None:
    """So that an operator sees what is missing before nothing else is executed."""
    with capture_logs() as logs:
        for mode in DocumentMode:
            store = make_store(mode)
            store.set_trusted({id_of(OTHER): OTHER})
            for _ in range(2):
                store.note(TEXT, "Name")
                store.note(OTHER, None)
    assert logs == [
        {"event": "document in no manifest", "id": ID, "operation": "Name", "log_level": "warning"}
    ]
