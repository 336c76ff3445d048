"""The consensus of the last trades at a time of the past, by the rules of the present one."""

import msgspec

from gateway.queries.consensus.query import ConsensusQuery
from gateway.queries.consensus.rate import ConsensusRate
from gateway.queries.consensus.reader import ConsensusReader
from gateway.queries.rate_at.reader import RateAtReader
from rates.ticker import TickerKey


class PastConsensus:
    """Computes consensuses with `at`."""

    def __init__(self, consensus: ConsensusReader, rates_at: RateAtReader) -> None:
        self._consensus, self._rates_at = consensus, rates_at

    async def read(self, query: ConsensusQuery) -> ConsensusRate:
        """Return the consensus. Sources that do not trade the symbol now have no part in it.

        Raises:
            InvalidArgument: the time is out of range.
            UnknownSymbol: none of the sources lists the symbol.
            HistoryUnavailable: there is no history, or it cannot be read in time.
        """
        assert query.at is not None
        self._consensus.check(query)
        found = await self._rates_at.read_all(self._consensus.list_keys(query), query.at)
        answer = self._consensus.weigh(
            query, query.at, {key: each.rate.ticker for key, each in found.items()}
        )
        contributions = []
        for each in answer.contributions:
            rate_at = None
            if each.rate is not None:
                rate_at = await self._rates_at.add_coverage(found[TickerKey(each.source, query.symbol)])
            contributions.append(msgspec.structs.replace(each, rate_at=rate_at))
        return msgspec.structs.replace(answer, contributions=tuple(contributions))
