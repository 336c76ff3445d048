"""The validation of consensus queries."""

from decimal import Decimal

import pytest

from gateway.queries.consensus.query import ConsensusQuery, check_consensus
from rates.errors import InvalidArgument
from tests.gateway.queries.consensus.source_rates import BTC_USDT


@pytest.mark.parametrize(
    "wrong",
    [
        {"min_sources": 0},
        {"min_sources": 101},
        {"max_deviation_bps": Decimal(-1)},
        {"max_deviation_bps": Decimal("10000.1")},
        {"max_deviation_bps": Decimal("NaN")},
    ],
)
def test_what_is_out_of_range_is_refused(wrong: dict[str, object]) -> None:
    """With the argument's name as the client knows it."""
    with pytest.raises(InvalidArgument, match=r"minSources|maxDeviationBps"):
        check_consensus(ConsensusQuery(BTC_USDT, **wrong))  # type: ignore[arg-type]  # that is the point
