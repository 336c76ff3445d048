"""The documents that requests may name.

Those of manifests stay until the operator removes them, those of the gateway's own pages always. Those that clients register are
kept in bounded memory.
"""

from collections.abc import Callable, Mapping
from enum import StrEnum

import structlog

from gateway.cache_limits import (
    MAX_CACHED_DOCUMENT,
    MAX_REGISTERED_DOCUMENTS,
    MAX_REGISTERED_DOCUMENTS_BYTES,
    SEEN_KEYS,
)
from gateway.lru import BoundedLru, SecondSight
from gateway.trusted_documents.document_id import hash_document

log = structlog.get_logger("ratewire.gateway.documents")


class DocumentMode(StrEnum):
    """The ways in which a request may name what it wants executed."""

    OFF = "off"
    """By a document only."""
    AUTO = "auto"
    """By a document or an identifier. Clients may register documents under their hashes."""
    PREFER = "prefer"
    """By a document or an identifier of a manifest. Documents of no manifest are logged."""
    ONLY = "only"
    """By an identifier of a manifest only."""


TAKING_TEXTS = (DocumentMode.AUTO, DocumentMode.OFF)
"""The modes in which any document may be executed, without a look at the manifests."""


class DocumentError(Exception):
    """A request whose document is not to be had, or not allowed."""


class IdsNotSupported(DocumentError):
    """Identifiers are switched off."""


class UnknownDocument(DocumentError):
    """No document has this identifier."""


class DocumentHashMismatch(DocumentError):
    """The identifier beside a document is not the hash of it."""


class DocumentRefused(DocumentError):
    """Only documents of manifests are executed, by their identifiers."""


class DocumentStore:
    """Finds documents by identifier.

    `built_in`: documents that are trusted whatever the manifests say, by identifier. `on_removed` is called after documents of manifests
    were removed: what was derived from them must not be used any more.
    """

    def __init__(
        self, mode: DocumentMode = DocumentMode.AUTO, built_in: Mapping[str, str] | None = None
    ) -> None:
        self.mode = mode
        self._built_in = dict(built_in or {})
        self._trusted = self._built_in
        # Clients that register what nobody asks for replace only what nobody has asked for.
        self._registered, self._requested = _make_registry(), _make_registry()
        self._noted = SecondSight(SEEN_KEYS)
        self.on_removed: list[Callable[[], None]] = []
        self.removals = 0
        """How often documents of manifests were removed."""

    @property
    def trusted_count(self) -> int:
        """The number of identifiers in manifests, built-in ones included."""
        return len(self._trusted)

    def set_trusted(self, documents: Mapping[str, str]) -> None:
        """Replace the documents of the manifests.

        An identifier of a built-in one keeps its document.
        """
        trusted = {**documents, **self._built_in}
        was_removed = any(trusted.get(each) != text for each, text in self._trusted.items())
        self._trusted = trusted
        if was_removed:
            self.removals += 1
            for forget in self.on_removed:
                forget()

    def resolve(self, document_id: str | None, text: str) -> str:
        """Return the document of a request, which has an identifier, a text, or both.

        Raises:
            DocumentError: the mode does not allow it, no document has the identifier, or it is not the hash of the text.
        """
        if self.mode is DocumentMode.ONLY and (text or document_id is None):
            raise DocumentRefused
        if document_id is None or (text and self.mode is DocumentMode.OFF):
            return text
        if self.mode is DocumentMode.OFF:
            raise IdsNotSupported
        if text:
            if self._trusted.get(document_id) != text and document_id != hash_document(text):
                raise DocumentHashMismatch
            return text
        found = self._trusted.get(document_id)
        return self._find_registered(document_id) if found is None else found

    def register(self, document_id: str, text: str) -> None:
        """Keep a valid document that came with its identifier, if clients may register documents."""
        is_known = document_id in self._trusted or self._requested.get(document_id) is not None
        if self.mode is DocumentMode.AUTO and not is_known and len(text) <= MAX_CACHED_DOCUMENT:
            self._registered.put(document_id, text)

    def note(self, text: str, operation_name: str | None) -> None:
        """Log a document that is in no manifest once, where those of manifests are preferred."""
        if self.mode is DocumentMode.PREFER:
            document_id = hash_document(text)
            if document_id not in self._trusted and not self._noted.admits(document_id):
                log.warning("document in no manifest", id=document_id, operation=operation_name)

    def _find_registered(self, document_id: str) -> str:
        text = self._requested.get(document_id)
        if text is None:
            text = self._registered.get(document_id)
            if text is None:
                raise UnknownDocument
            self._requested.put(document_id, text)
        return text


def _make_registry() -> BoundedLru[str, str]:
    return BoundedLru(
        size=MAX_REGISTERED_DOCUMENTS,
        weight=MAX_REGISTERED_DOCUMENTS_BYTES,
        weigh=lambda document_id, text: 4 * (len(document_id) + len(text)),
    )
