"""Globally unique ids."""

from datetime import timedelta
from decimal import Decimal

from gateway.queries.consensus.query import ConsensusMethod, ConsensusQuery
from gateway.schema.global_id import (
    consensus_rate_id,
    instrument_id,
    rate_id,
    source_id,
    source_status_id,
)
from rates.source import Source
from tests.gateway.queries.consensus.source_rates import BTC_USDT


def test_objects_of_one_key_have_different_ids() -> None:
    """Relay's store and other caches hold all types in one map."""
    ids = [build(Source.BINANCE, BTC_USDT) for build in (rate_id, instrument_id)]
    ids += [source_id(Source.BINANCE), source_status_id(Source.BINANCE)]
    assert ids == [
        "Rate:BINANCE:BTC/USDT",
        "Instrument:BINANCE:BTC/USDT",
        "Source:BINANCE",
        "SourceStatus:BINANCE",
    ]


def test_equal_questions_have_one_name_and_others_have_others() -> None:
    """Client caches normalise on it: two answers to two questions must not overwrite each other."""
    assert consensus_rate_id(ConsensusQuery(BTC_USDT)) == "ConsensusRate:BTC/USDT:MEDIAN"
    asked = ConsensusQuery(
        BTC_USDT,
        ConsensusMethod.VWAP,
        min_sources=3,
        max_age=timedelta(seconds=1),
        max_deviation_bps=Decimal("10.0"),
        sources=(Source.COINGECKO, Source.BINANCE),
    )
    assert consensus_rate_id(asked) == (
        "ConsensusRate:BTC/USDT:VWAP?minSources=3&maxAgeMs=1000&maxDeviationBps=10&sources=COINGECKO+BINANCE"
    )
