"""The messages of graphql-core in words of GraphQL and JSON. Pure."""

import re

# As graphql-core prints values of variables.
_PYTHON_VALUE = re.compile(r"(?<!['\"\w])(?:None|True|False)(?!['\"\w])")
_NAMES = {"None": "null", "True": "true", "False": "false"}
_SUGGESTION = " Did you mean "


def reword_document_error(message: str) -> str:
    """Reword an error of a document, which is quoted as its author wrote it."""
    return message.replace("not to be None", "not to be null")


def reword_value_error(message: str) -> str:
    """Reword an error of a value, which graphql-core prints as Python would."""
    return _PYTHON_VALUE.sub(lambda found: _NAMES[found[0]], message)


def without_suggestion(message: str) -> str:
    """Return the message without a final "Did you mean …?"."""
    before, found, after = message.rpartition(_SUGGESTION)
    return before if found and after.endswith("?") else message
