"""Plans of known documents with other variables, without parsing or validating them again."""

from collections.abc import Mapping, Sequence
from math import inf
from typing import Any, NamedTuple

from graphql import GraphQLError, GraphQLSchema, OperationDefinitionNode
from graphql.execution.values import VariableValues

from gateway.cache_limits import MAX_PLANS_PER_DOCUMENT
from gateway.fastpath.new_rates import NewRatesArgs, RatesArgs, UnreadList
from gateway.fastpath.plan import PlannedField, PlannedRoot, QueryPlan, list_planned_queries
from gateway.fastpath.planner import Planner, make_field, parse_policy
from gateway.fastpath.selection import TYPENAME, NotOnFastPath
from gateway.fastpath.variable_reader import VariableReader
from gateway.lru import BoundedLru
from gateway.queries.rates_query import FreshnessPolicy, OnStale
from gateway.schema.arguments import UNSET as NOT_GIVEN
from gateway.schema.arguments import given_all
from gateway.schema.documents import CheckedDocument, make_operation_key
from gateway.schema.query_cost import CostModel, RatesCost
from rates.errors import RatesError

# Candles are read from the history first.
RATES = "rates"
COVERED = frozenset({"rate", RATES, TYPENAME})
# The arguments of `rates` that are not its policy.
QUERY_ARGUMENTS = frozenset({"symbols", "sources"})


class _Variable:
    """Stands for the value of a variable."""

    def __init__(self, name: str) -> None:
        self.name = name


class _RootTemplate(NamedTuple):
    """A root field. `variables` are the arguments that are variables, with the names of those.

    `policy` is set if it is the same in each request, `constant` if the whole field is.
    """

    root: PlannedRoot
    constants: Mapping[str, Any]
    variables: tuple[tuple[str, str], ...]
    policy: FreshnessPolicy | None
    constant: PlannedField | None

    def plan(self, values: Mapping[str, Any]) -> PlannedField:
        """Return the field with arguments of its own."""
        if self.constant is not None:
            return self.constant
        arguments = dict(self.constants)
        for argument, variable in self.variables:
            arguments[argument] = values[variable]
        field, before, _ = self.root
        symbols = arguments.get("symbols")
        if isinstance(symbols, UnreadList) and symbols.texts:
            sources = given_all("sources", arguments.get("sources", NOT_GIVEN))
            args = NewRatesArgs(symbols, sources, self.policy or parse_policy(arguments))
            return PlannedField(field, args, before, None, is_new=True)
        return make_field(self.root, read_lists(arguments))._replace(repeated=None, is_new=True)


class PricedPlan(NamedTuple):
    """The plan of a query that is not too expensive, and its points."""

    plan: QueryPlan
    cost: int


class _PlanShape(NamedTuple):
    """The part shared by requests with the same Booleans, nulls and omitted variables.

    `costs` are set if the symbols alone decide what requests cost.
    """

    roots: tuple[_RootTemplate, ...]
    costs: tuple[RatesCost, ...] | None


_NOT_COVERED = _PlanShape((), None)


class QueryTemplate:
    """The plan of one query of a document, without the values of its variables.

    Raises:
        NotOnFastPath: the fast path does not cover the query, or the types of its variables.
    """

    def __init__(
        self,
        schema: GraphQLSchema,
        planner: Planner,
        cost_model: CostModel,
        checked: CheckedDocument,
        operation: OperationDefinitionNode,
    ) -> None:
        self._planner, self._cost_model = planner, cost_model
        self._checked, self._operation = checked, operation
        self._reader = VariableReader(schema, operation)
        self._shapes: BoundedLru[tuple[object, ...], _PlanShape] = BoundedLru(size=MAX_PLANS_PER_DOCUMENT)

    def plan(self, variables: bytes) -> PricedPlan | None:
        """Return the plan with these variables, or `None` if all of the request must be prepared."""
        values = self._reader.read(variables)
        if values is None:
            return None
        try:
            shape = self._find_shape(values)
            plan = tuple([root.plan(values) for root in shape.roots])
            cost = self._compute_cost(shape, values, plan)
        except (NotOnFastPath, GraphQLError, RatesError):
            return None
        return PricedPlan(plan, cost) if cost <= self._cost_model.limit else None

    def _find_shape(self, values: Mapping[str, Any]) -> _PlanShape:
        key = self._reader.shape(values)
        shape = self._shapes.get(key)
        if shape is None:
            # Kept if nothing can be compiled.
            self._shapes.put(key, _NOT_COVERED)
            shape = self._compile(values)
            self._shapes.put(key, shape)
        if shape is _NOT_COVERED:
            raise NotOnFastPath
        return shape

    def _compile(self, values: Mapping[str, Any]) -> _PlanShape:
        stand_ins = {
            name: value if value is None or isinstance(value, bool) else _Variable(name)
            for name, value in values.items()
        }
        given = VariableValues({}, stand_ins)
        key = make_operation_key(self._operation, given)
        planned = self._planner.collect_query(self._checked, self._operation, given, key)
        roots = tuple([self._make_root(each) for each in planned])
        compiled = self._cost_model.compile(self._checked, self._operation, given, key)
        if not all(map(_has_simple_cost, roots)):
            return _PlanShape(roots, None)
        return _PlanShape(roots, self._cost_model.compile_rates(compiled, may_fail=False))

    def _compute_cost(self, shape: _PlanShape, values: dict[str, Any], plan: QueryPlan) -> int:
        if shape.costs is not None:
            # Most are one list.
            return self._cost_model.rates_cost(shape.costs, [_list_texts(field) for field in plan])
        given = VariableValues({}, read_lists(values))
        key = make_operation_key(self._operation, given)
        compiled = self._cost_model.compile(self._checked, self._operation, given, key)
        queries, may_fail = list_planned_queries(read_plan(plan))
        return self._cost_model.planned_cost(compiled, queries, may_fail=may_fail)

    def _make_root(self, root: PlannedRoot) -> _RootTemplate:
        if root.field.name not in COVERED:
            raise NotOnFastPath
        arguments = root.arguments or {}
        variables = tuple(
            [(name, value.name) for name, value in arguments.items() if isinstance(value, _Variable)]
        )
        constants = {name: value for name, value in arguments.items() if not isinstance(value, _Variable)}
        if any(map(_contains_variable, constants.values())):
            raise NotOnFastPath
        if isinstance(symbols := constants.get("symbols"), list):
            constants["symbols"] = UnreadList(list(map(str, symbols)), lambda _: symbols)
        policy = constant = None
        if not variables:
            constant = self._planner.plan_field(root)
        elif root.field.name == RATES and QUERY_ARGUMENTS.issuperset(name for name, _ in variables):
            policy = parse_policy(constants)
        return _RootTemplate(root, constants, variables, policy, constant)


def _has_simple_cost(template: _RootTemplate) -> bool:
    """Tell whether a root field names symbols, of all sources, and cannot fail."""
    name, arguments = template.root.field.name, template.root.arguments
    if name == TYPENAME or arguments is None:
        return True
    given = (list, UnreadList, _Variable)
    names_symbols = isinstance(arguments.get("symbols"), given) and not isinstance(
        arguments.get("sources"), given
    )
    policy = template.policy
    if policy is None and template.constant is not None and isinstance(template.constant.args, RatesArgs):
        policy = template.constant.args.policy
    return name == "rates" and names_symbols and policy is not None and policy.on_stale is not OnStale.ERROR


def _list_texts(field: PlannedField) -> Sequence[str] | None:
    """Return the symbols that a root field names, as texts."""
    match field.args:
        case NewRatesArgs(symbols):
            return symbols.texts
        case RatesArgs(query) if query.symbols is not None:
            return [str(symbol) for symbol in query.symbols]
        case _:
            return None


def _contains_variable(value: object) -> bool:
    if isinstance(value, list):
        return any(map(_contains_variable, value))
    if isinstance(value, dict):
        return any(map(_contains_variable, value.values()))
    return isinstance(value, _Variable)


def read_lists(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values with all their lists converted.

    Raises:
        NotOnFastPath: a text is no value of its scalar.
    """
    return {name: value.read() if isinstance(value, UnreadList) else value for name, value in values.items()}


def read_plan(plan: QueryPlan) -> QueryPlan:
    """Return the plan with the symbols of all its lists.

    Raises:
        NotOnFastPath: a text is no symbol.
    """
    return tuple(
        [
            field._replace(args=field.args.read()) if isinstance(field.args, NewRatesArgs) else field
            for field in plan
        ]
    )


def count_symbols(plan: QueryPlan) -> float:
    """Return the number of symbols in all lists; infinity for a list of all."""
    count = 0.0
    for field in plan:
        args = field.args
        if isinstance(args, NewRatesArgs):
            count += len(args.symbols.texts)
        elif isinstance(args, RatesArgs):
            symbols = args.query.symbols
            count += inf if symbols is None else len(symbols)
    return count
