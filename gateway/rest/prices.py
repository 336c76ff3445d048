"""The points of requests over plain HTTP, in the figures of GraphQL's cost."""

from starlette.datastructures import QueryParams

from gateway.budgets.account_registry import REJECTED_POINTS
from gateway.queries.candles.query import CandlesQuery
from gateway.rest.csv_candles import COLUMNS
from gateway.rest.parameters import read_candles_query, read_parameters
from gateway.rest.udf import HISTORY_PARAMETERS, read_history_query
from gateway.schema.root_points import CANDLE, FIND_NEAR, HISTORY
from gateway.schema.selection_weight import ROOT, SEARCHED
from rates.errors import RatesError

# Of each value of a row, as of a leaf of GraphQL.
VALUE = 1
# Time, open, high, low, close and volume.
BAR_VALUES = 6


def price_candles(given: QueryParams) -> int:
    """Return the points of a page of candles."""
    try:
        return _price_rows(read_candles_query(given), len(COLUMNS))
    except RatesError:
        return REJECTED_POINTS


def price_bars(given: QueryParams) -> int:
    """Return the points of the bars of a chart."""
    try:
        return _price_rows(read_history_query(read_parameters(given, HISTORY_PARAMETERS)), BAR_VALUES)
    except RatesError:
        return REJECTED_POINTS


def price_symbol(_: QueryParams) -> int:
    """Return the points of a look-up of one symbol."""
    return ROOT + FIND_NEAR


def price_search(instruments: int) -> int:
    """Return the points of a search in so many instruments."""
    return ROOT + SEARCHED * instruments


def _price_rows(query: CandlesQuery, values: int) -> int:
    return ROOT + HISTORY + FIND_NEAR + (CANDLE + VALUE * values) * max(query.last, 0)
