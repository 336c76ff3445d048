"""Documents, parsed, checked against limits and validated, in a bounded cache."""

import re
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from typing import Any, NamedTuple

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    GraphQLSchema,
    InlineFragmentNode,
    OperationDefinitionNode,
    SelectionSetNode,
    parse,
    specified_rules,
)
from graphql.execution.values import VariableValues

from gateway.cache_limits import (
    DOCUMENT_BYTES,
    DOCUMENT_BYTES_PER_TOKEN,
    MAX_CACHED_DOCUMENT,
    MAX_DOCUMENTS_BYTES,
    SEEN_KEYS,
)
from gateway.lru import BoundedLru, SecondSight
from gateway.schema.errors import VALIDATION_FAILED, mark_invalid
from gateway.schema.validation import forget_frames, validate_document

# This schema has neither `@defer` nor `@stream`: as unknown directives they need no further rules, which advise on their use.
RULES = [rule for rule in specified_rules if not rule.__name__.startswith(("DeferStream", "StreamDirective"))]
# Errors of one document that are reported. Each costs up to a millisecond.
MAX_ERRORS = 20
# "Did you mean" takes up to a millisecond for each error, and longer for long words: for documents that a person may have typed.
MAX_SUGGESTED = 2_000
_LONG_WORD = re.compile(r"(?<![_0-9A-Za-z])[_0-9A-Za-z]{50}")
# An alias is repeated for each object of a list.
MAX_ALIAS = 100
# Python reads no integer of more than 4,300 digits. Matches at the start of a number only, so the time is linear.
_LONG_NUMBER = re.compile(r"(?<![0-9])[0-9]{1000}")


OperationKey = tuple[str | None, tuple[tuple[str, bool], ...]]
"""The name of an operation in its document, and its Boolean variables: those that directives may depend on."""


class Limits(NamedTuple):
    """The limits of one document; see `GatewaySettings`."""

    max_tokens: int
    max_depth: int
    max_aliases: int
    max_pairs: int


class DocumentSize(NamedTuple):
    """The size of a selection with its fragments expanded."""

    depth: int
    aliases: int
    longest_alias: int = 0


class CheckedDocument(NamedTuple):
    """A parsed document, its validation errors, and what is derived from its operations.

    `costs` are of `gateway.schema.query_cost`, `root_fields` of `gateway.fastpath.planner`, by the key of the operation; `templates`
    are of `gateway.fastpath.query_template`, by its name.
    """

    document: DocumentNode
    errors: tuple[GraphQLError, ...]
    costs: dict[OperationKey, Any]
    root_fields: dict[OperationKey, Any]
    templates: dict[str | None, Any]
    hides_suggestions: bool = False

    def select(self, name: str | None) -> OperationDefinitionNode | None:
        """Return the operation of that name, or the only one."""
        operations = [each for each in self.document.definitions if isinstance(each, OperationDefinitionNode)]
        if name is None:
            return operations[0] if len(operations) == 1 else None
        return next((each for each in operations if each.name and each.name.value == name), None)


class DocumentCache:
    """Parses and validates documents for one schema."""

    def __init__(self, schema: GraphQLSchema, limits: Limits, *, size: int, suggestions: bool = True) -> None:
        self._schema = schema
        self._limits = limits
        self._suggestions = suggestions
        self._documents: BoundedLru[str, CheckedDocument] = BoundedLru(
            size=size, weight=MAX_DOCUMENTS_BYTES, weigh=_weigh
        )
        self._seen = SecondSight(SEEN_KEYS)

    @property
    def weight(self) -> int:
        """The approximate memory of the cached documents, in bytes."""
        return self._documents.total

    def read(self, text: str) -> CheckedDocument:
        """Return the document in `text`.

        Raises:
            GraphQLError: it does not parse, or has too many tokens.
            RecursionError: it is nested too deeply to parse.
        """
        return self.find(text) or self.read_new(text)

    def find(self, text: str) -> CheckedDocument | None:
        """Return the document if it came before and is kept."""
        return self._documents.get(text)

    def read_new(self, text: str) -> CheckedDocument:
        """Return the document in `text`, which `find` does not know.

        Raises:
            GraphQLError, RecursionError: as `read` does.
        """
        checked = self._read(text)
        if len(text) <= MAX_CACHED_DOCUMENT and self._seen.admits(text):
            self._documents.put(text, checked)
        return checked

    def _read(self, text: str) -> CheckedDocument:
        document = parse(text, max_tokens=self._limits.max_tokens)
        _unlink_tokens(document)
        hides_suggestions = (
            not self._suggestions or len(text) > MAX_SUGGESTED or bool(_LONG_WORD.search(text))
        )
        # Limits are checked first: the validation of a document beyond them could take long.
        errors = list(check_limits(document, self._limits, text)) or validate_document(
            self._schema,
            document,
            RULES,
            max_errors=MAX_ERRORS,
            hide_suggestions=hides_suggestions,
        )
        marked: tuple[GraphQLError, ...] = ()
        if errors:
            marked = tuple([mark_invalid(error, hides_suggestions=hides_suggestions) for error in errors])
            forget_frames(errors)
        return CheckedDocument(document, marked, {}, {}, {}, hides_suggestions)


def make_operation_key(operation: OperationDefinitionNode, values: VariableValues) -> OperationKey:
    """Return the key of an operation with these variables in its document."""
    booleans = [(name, value) for name, value in values.coerced.items() if isinstance(value, bool)]
    return operation.name.value if operation.name else None, tuple(booleans)


def _unlink_tokens(document: DocumentNode) -> None:
    """Cut the references of tokens to the ones before.

    Only the parser uses them, and they make cycles.
    """
    token = document.loc.start_token if document.loc else None
    while token is not None:
        token.prev = None
        token = token.next


def _weigh(text: str, checked: CheckedDocument) -> int:
    return DOCUMENT_BYTES + DOCUMENT_BYTES_PER_TOKEN * checked.document.token_count + 4 * len(text)


def check_limits(document: DocumentNode, limits: Limits, text: str = "") -> Iterator[GraphQLError]:
    """Yield an error for each exceeded limit."""
    if _LONG_NUMBER.search(text):
        yield GraphQLError(
            "the document has a number with 1000 digits or more: expected fewer",
            extensions={"code": VALIDATION_FAILED},
        )
    fragments = {
        each.name.value: each for each in document.definitions if isinstance(each, FragmentDefinitionNode)
    }
    measured: dict[str, DocumentSize] = {}
    for operation in document.definitions:
        if isinstance(operation, OperationDefinitionNode):
            size = _measure(operation.selection_set, fragments, measured)
            if size.depth > limits.max_depth:
                yield _limit_error(f"{size.depth} levels deep: expected at most {limits.max_depth}")
            elif size.aliases > limits.max_aliases:
                yield _limit_error(f"{size.aliases} aliases: expected at most {limits.max_aliases}")
            elif size.longest_alias > MAX_ALIAS:
                yield GraphQLError(
                    f"the document has an alias of {size.longest_alias} characters: expected at most {MAX_ALIAS}",
                    extensions={"code": VALIDATION_FAILED},
                )
            else:
                yield from _check_overlaps(operation.selection_set, fragments, limits)


def _check_overlaps(
    selections: SelectionSetNode, fragments: dict[str, FragmentDefinitionNode], limits: Limits
) -> Iterator[GraphQLError]:
    """Limit the pairs of fields with one response path.

    Validation compares each pair: 500 fields with one path take a second.
    """
    fields = list(islice(_list_paths(selections, fragments), limits.max_tokens + 1))
    if len(fields) > limits.max_tokens:
        yield _limit_error(f"more than {limits.max_tokens} fields with its fragments unfolded")
        return
    pairs = sum(count * (count - 1) // 2 for path, count in Counter(fields).items() if path)
    if pairs > limits.max_pairs:
        yield _limit_error(f"{pairs} pairs of fields in the same place: expected at most {limits.max_pairs}")


def _list_paths(
    selections: SelectionSetNode, fragments: dict[str, FragmentDefinitionNode]
) -> Iterator[tuple[str, ...]]:
    """Yield the response path of every field, and an empty path for each spread fragment."""
    ahead: list[tuple[SelectionSetNode, tuple[str, ...], frozenset[str]]] = [(selections, (), frozenset())]
    while ahead:
        inside, path, within = ahead.pop()
        for node in inside.selections:
            if isinstance(node, FieldNode):
                name = node.alias or node.name
                field = (*path, name.value)
                yield field
                if node.selection_set:
                    ahead.append((node.selection_set, field, within))
            elif isinstance(node, InlineFragmentNode):
                ahead.append((node.selection_set, path, within))
            elif isinstance(node, FragmentSpreadNode) and node.name.value not in within:
                yield ()
                if fragment := fragments.get(node.name.value):
                    ahead.append((fragment.selection_set, path, within | {node.name.value}))


def _measure(
    selections: SelectionSetNode | None,
    fragments: dict[str, FragmentDefinitionNode],
    measured: dict[str, DocumentSize],
) -> DocumentSize:
    """Measure a selection, each fragment once: nesting would take exponential time otherwise."""
    depth = aliases = longest = 0
    for node in selections.selections if selections else ():
        if isinstance(node, FragmentSpreadNode):
            inner = _measure_fragment(node.name.value, fragments, measured)
        else:
            inner = _measure(getattr(node, "selection_set", None), fragments, measured)
        alias = node.alias if isinstance(node, FieldNode) else None
        depth = max(depth, inner.depth + isinstance(node, FieldNode))
        aliases += inner.aliases + (alias is not None)
        longest = max(longest, inner.longest_alias, len(alias.value) if alias else 0)
    return DocumentSize(depth, aliases, longest)


def _measure_fragment(
    name: str, fragments: dict[str, FragmentDefinitionNode], measured: dict[str, DocumentSize]
) -> DocumentSize:
    if name not in measured:
        # Stands for the fragment within itself: validation rejects a cycle.
        measured[name] = DocumentSize(0, 0)
        if name in fragments:
            measured[name] = _measure(fragments[name].selection_set, fragments, measured)
    return measured[name]


def _limit_error(message: str) -> GraphQLError:
    return GraphQLError(f"the document is {message}", extensions={"code": VALIDATION_FAILED})
