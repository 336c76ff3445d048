"""Validation of documents without reference cycles, by graphql-core's rules.

graphql-core's `validate` leaves a thousand objects in cycles. A garbage collection then frees those of many documents at once, which
takes 30 to 120 ms, and other clients wait. Here a rule is called only for the kinds of nodes that it handles, which takes half of
the time.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from graphql import (
    BREAK,
    SKIP,
    DocumentNode,
    FragmentDefinitionNode,
    GraphQLError,
    GraphQLSchema,
    Node,
    OperationDefinitionNode,
    TypeInfo,
    TypeInfoVisitor,
    ValidationContext,
    Visitor,
    visit,
)
from graphql.language.visitor import EnterLeaveVisitor
from graphql.validation.rules import ASTValidationRule
from graphql.validation.validate import (
    FragmentNestingVisitor,
    ValidationAbortedError,
    query_document_keys_to_validate,
)
from graphql.validation.validation_context import VariableUsage, VariableUsageVisitor

Visit = Callable[..., Any]
# A rule by its number, and what it does at the nodes of a kind.
Handlers = tuple[tuple[int, Visit | None], ...]

TOO_MANY_ERRORS = "Too many validation errors, error limit reached. Validation aborted."


def validate_document(
    schema: GraphQLSchema,
    document: DocumentNode,
    rules: Sequence[type[ASTValidationRule]],
    *,
    max_errors: int,
    hide_suggestions: bool,
) -> list[GraphQLError]:
    """Return the errors of a document, as `graphql.validate` does."""
    errors: list[GraphQLError] = []

    def on_error(error: GraphQLError) -> None:
        if len(errors) >= max_errors:
            raise ValidationAbortedError(TOO_MANY_ERRORS)
        errors.append(error)

    type_info = TypeInfo(schema)
    context = _Context(schema, document, type_info, on_error, hide_suggestions)
    visitors: list[Visitor] = [rule(context) for rule in rules]
    fragments = {
        each.name.value: each for each in document.definitions if isinstance(each, FragmentDefinitionNode)
    }
    if fragments:
        visitors.insert(0, FragmentNestingVisitor(fragments))
    together = _RulesVisitor(type_info, visitors)
    try:
        visit(document, together, query_document_keys_to_validate)
    except ValidationAbortedError as exc:
        errors.append(exc)
    except RecursionError:
        errors.append(ValidationAbortedError("Validation aborted."))
    finally:
        together.forget()
    return errors


def forget_frames(errors: Iterable[GraphQLError]) -> None:
    """Drop the frames in which errors of `validate_document` were raised.

    They refer to all errors of the document.
    """
    for each in errors:
        error: BaseException | None = each
        while error is not None:
            error.__traceback__ = error.__context__ = None
            error = error.original_error if isinstance(error, GraphQLError) else None


class _Context(ValidationContext):
    """A context that forgets the visitors with which it finds variables."""

    def __init__(
        self, schema: GraphQLSchema, document: DocumentNode, type_info: TypeInfo, *others: Any
    ) -> None:
        super().__init__(schema, document, type_info, *others)
        self._types = type_info
        self._usages: dict[Node, list[VariableUsage]] = {}

    def get_variable_usages(
        self, node: OperationDefinitionNode | FragmentDefinitionNode
    ) -> list[VariableUsage]:
        usages = self._usages.get(node)
        if usages is None:
            fragment = node if isinstance(node, FragmentDefinitionNode) else None
            finder = VariableUsageVisitor(self._types, fragment)
            visitor = TypeInfoVisitor(self._types, finder)
            visit(node, visitor)
            finder.enter_leave_map.clear()
            visitor.enter_leave_map.clear()
            usages = self._usages[node] = finder.usages
        return usages


class _RulesVisitor(Visitor):
    """Calls the rules at each node, and keeps `type_info` at it.

    A rule that skips a node is not called until the node is left; one that breaks is not called again.
    """

    def __init__(self, type_info: TypeInfo, visitors: Sequence[Visitor]) -> None:
        super().__init__()
        self._type_info = type_info
        self._visitors = visitors
        # For each rule the node that it skips, or BREAK.
        self._skipped: list[Any] = [None] * len(visitors)

    def forget(self) -> None:
        """Drop the functions, which refer to this visitor and to the rules."""
        self.enter_leave_map.clear()
        for each in self._visitors:
            each.enter_leave_map.clear()

    def get_enter_leave_for_kind(self, kind: str) -> EnterLeaveVisitor:
        found = self.enter_leave_map.get(kind)
        if found is None:
            found = self.enter_leave_map[kind] = self._make(kind)
        return found

    def _make(self, kind: str) -> EnterLeaveVisitor:
        entering: list[tuple[int, Visit | None]] = []
        leaving: list[tuple[int, Visit | None]] = []
        for number, visitor in enumerate(self._visitors):
            enter = getattr(visitor, f"enter_{kind}", None) or getattr(visitor, "enter", None)
            leave = getattr(visitor, f"leave_{kind}", None) or getattr(visitor, "leave", None)
            if enter:
                entering.append((number, enter))
            # It may have skipped the node.
            if enter or leave:
                leaving.append((number, leave))
        return EnterLeaveVisitor(self._enterer(tuple(entering)), self._leaver(tuple(leaving)))

    def _enterer(self, handlers: Handlers) -> Visit:
        skipped, enter_type = self._skipped, self._type_info.enter

        def enter(node: Node, *where: Any) -> None:
            enter_type(node)
            for number, handle in handlers:
                if skipped[number] is None and handle is not None:
                    result = handle(node, *where)
                    if result is None:
                        continue
                    skipped[number] = BREAK if result is BREAK or result is True else node
                    assert result in {BREAK, SKIP, True, False}, "a rule edits nothing"

        return enter

    def _leaver(self, handlers: Handlers) -> Visit:
        skipped, leave_type = self._skipped, self._type_info.leave

        def leave(node: Node, *where: Any) -> None:
            for number, handle in handlers:
                if skipped[number] is None:
                    if handle is not None:
                        result = handle(node, *where)
                        if result is BREAK or result is True:
                            skipped[number] = BREAK
                elif skipped[number] is node:
                    skipped[number] = None
            leave_type(node)

        return leave
