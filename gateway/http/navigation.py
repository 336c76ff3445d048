"""Query strings of visits by a browser. Pure."""

# A hash is in the extensions.
_DOCUMENT_PARAMETERS = frozenset({b"query", b"documentId", b"extensions"})


def is_navigation(query: bytes) -> bool:
    """Tell whether a query string names no document, as when a browser opens the page."""
    return not any(part.partition(b"=")[0] in _DOCUMENT_PARAMETERS for part in query.split(b"&"))


def may_be_visit(query: bytes) -> bool:
    """Tell whether a browser may open GraphiQL with this query string.

    It has no document, or its text. What names a document by its hash or identifier is a request of a program.
    """
    names = {part.partition(b"=")[0] for part in query.split(b"&")}
    return names.isdisjoint(_DOCUMENT_PARAMETERS - {b"query"})
