"""The identity of consensus queries, and their validation."""

from datetime import timedelta
from decimal import Decimal

import pytest

from gateway.queries.consensus.query import ConsensusMethod, ConsensusQuery, check_consensus
from rates.errors import InvalidArgument
from rates.source import Source
from tests.gateway.queries.consensus.source_rates import BTC_USDT


def test_equal_questions_have_one_name_and_others_have_others() -> None:
    """Client caches normalise on it: two answers to two questions must not overwrite each other."""
    assert ConsensusQuery(BTC_USDT).id == "CONSENSUS:BTC/USDT:MEDIAN"
    asked = ConsensusQuery(
        BTC_USDT,
        ConsensusMethod.VWAP,
        min_sources=3,
        max_age=timedelta(seconds=1),
        max_deviation_bps=Decimal("10.0"),
        sources=(Source.COINGECKO, Source.BINANCE),
    )
    assert asked.id == (
        "CONSENSUS:BTC/USDT:VWAP?minSources=3&maxAgeMs=1000&maxDeviationBps=10&sources=COINGECKO+BINANCE"
    )


@pytest.mark.parametrize(
    "wrong",
    [
        {"min_sources": 0},
        {"min_sources": 101},
        {"max_deviation_bps": Decimal(-1)},
        {"max_deviation_bps": Decimal("10000.1")},
        {"max_deviation_bps": Decimal("NaN")},
        {"sources": ()},
    ],
)
def test_what_is_out_of_range_is_refused(wrong: dict[str, object]) -> None:
    """With the argument's name as the client knows it."""
    with pytest.raises(InvalidArgument, match=r"minSources|maxDeviationBps|sources"):
        check_consensus(ConsensusQuery(BTC_USDT, **wrong))  # type: ignore[arg-type]  # that is the point
