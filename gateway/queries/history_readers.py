"""The readers of the history, besides those of candles and of the statistics of one window."""

from collections.abc import Sequence
from decimal import Decimal

from gateway.queries.candles.bounded_reads import BoundedReads
from gateway.queries.candles.reader import CandlesReader
from gateway.queries.candles.series_index import SeriesIndex
from gateway.queries.candles.storage import CandleStorage
from gateway.queries.consensus.past import PastConsensus
from gateway.queries.consensus.reader import ConsensusReader
from gateway.queries.consensus_candles.reader import ConsensusCandlesReader
from gateway.queries.conversion.converter import Converter
from gateway.queries.conversion.past import PastConverter
from gateway.queries.rate import TtlBySource
from gateway.queries.rate_at.reader import RateAtReader
from gateway.queries.source_history.reader import SourceHistoryReader
from gateway.queries.summaries.reader import SummariesReader
from gateway.queries.trades.reader import TradesReader
from gateway.state.catalog import InstrumentCatalog
from history.trade_tape import TradeTape
from rates.clock import Clock
from rates.source import Source


class HistoryReaders:
    """All of them share the bounds of the reads.

    `storage` is `None` in a gateway without a history.
    """

    def __init__(
        self,
        storage: CandleStorage | None,
        tape: TradeTape | None,
        index: SeriesIndex,
        reads: BoundedReads,
        *,
        candles: CandlesReader,
        catalog: InstrumentCatalog,
        preference: Sequence[Source],
        max_distance: Decimal,
        consensus: ConsensusReader,
        converter: Converter,
        ttl: TtlBySource,
        max_symbols: int,
        simulated: bool,
        clock: Clock,
    ) -> None:
        self.summaries = SummariesReader(
            storage, index, reads, max_symbols=max_symbols, simulated=simulated, clock=clock
        )
        self.sources = SourceHistoryReader(storage, reads, simulated=simulated, clock=clock)
        self.trades = TradesReader(tape, index)
        self.rate_at = RateAtReader(storage, index, reads, ttl=ttl, simulated=simulated, clock=clock)
        self.consensus = PastConsensus(consensus, self.rate_at)
        self.converter = PastConverter(converter, self.rate_at)
        self.consensus_candles = ConsensusCandlesReader(
            candles, index, catalog, preference=preference, max_distance=max_distance, clock=clock
        )
