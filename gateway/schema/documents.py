"""Documents, parsed, checked against limits and validated once, in a bounded cache."""

from collections import Counter
from collections.abc import Iterator
from functools import lru_cache
from itertools import islice
from typing import NamedTuple

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
    validate,
)

from gateway.cache_limits import MAX_CACHED_DOCUMENT
from gateway.schema.errors import VALIDATION_FAILED, mark_invalid


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


class CheckedDocument(NamedTuple):
    """A parsed document and its validation errors."""

    document: DocumentNode
    errors: tuple[GraphQLError, ...]


class DocumentCache:
    """Parses and validates documents for one schema."""

    def __init__(self, schema: GraphQLSchema, limits: Limits, *, size: int) -> None:
        self._schema = schema
        self._limits = limits
        self._read_cached = lru_cache(maxsize=size)(self._read)

    def read(self, text: str) -> CheckedDocument:
        """Return the document in `text`.

        Raises:
            GraphQLError: it does not parse, or has too many tokens.
            RecursionError: it is nested too deeply to parse.
        """
        return self._read_cached(text) if len(text) <= MAX_CACHED_DOCUMENT else self._read(text)

    def _read(self, text: str) -> CheckedDocument:
        document = parse(text, max_tokens=self._limits.max_tokens)
        # Limits are checked first: the validation of a document beyond them could take long.
        errors = list(check_limits(document, self._limits)) or validate(self._schema, document)
        return CheckedDocument(document, tuple(map(mark_invalid, errors)))


def check_limits(document: DocumentNode, limits: Limits) -> Iterator[GraphQLError]:
    """Yield an error for each exceeded limit."""
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
            else:
                yield from _check_overlaps(operation.selection_set, fragments, limits)


def _check_overlaps(
    selections: SelectionSetNode, fragments: dict[str, FragmentDefinitionNode], limits: Limits
) -> Iterator[GraphQLError]:
    """Limit the pairs of fields with one response path.

    Validation compares each pair: 500 fields with one path take a second.
    """
    paths = Counter(islice(_list_paths(selections, fragments), limits.max_tokens + 1))
    if paths.total() > limits.max_tokens:
        yield _limit_error(f"more than {limits.max_tokens} fields with its fragments unfolded")
    pairs = sum(count * (count - 1) // 2 for path, count in paths.items() if path)
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
    depth = aliases = 0
    for node in selections.selections if selections else ():
        if isinstance(node, FragmentSpreadNode):
            inner = _measure_fragment(node.name.value, fragments, measured)
        else:
            inner = _measure(getattr(node, "selection_set", None), fragments, measured)
        is_field = isinstance(node, FieldNode)
        depth = max(depth, inner.depth + is_field)
        aliases += inner.aliases + (isinstance(node, FieldNode) and node.alias is not None)
    return DocumentSize(depth, aliases)


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
