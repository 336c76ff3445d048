"""The query of a single rate, with its candidates and the rate encoded last."""

from gateway.fastpath.encoded_rate import EncodedRate
from gateway.fastpath.response_encoder import ResponseEncoder
from gateway.fastpath.selection import Selection
from gateway.queries.rate_reader import RateCandidate, RateReader
from gateway.queries.rates_query import FreshnessPolicy
from rates.source import Source
from rates.symbol import Symbol
from rates.ticker import Ticker


class SingleRateQuery:
    """A query of one rate. It holds at most one encoded rate, so its memory is bounded."""

    __slots__ = ("_candidates", "_encoded_rate", "_policy", "_revision", "_selection", "_source", "_symbol")

    def __init__(
        self, selection: Selection, symbol: Symbol, source: Source | None, policy: FreshnessPolicy
    ) -> None:
        self._selection = selection
        self._symbol, self._source, self._policy = symbol, source, policy
        self._revision = -1
        self._candidates: list[RateCandidate] = []
        self._encoded_rate: EncodedRate | None = None

    def chunks(self, rates: RateReader, encoder: ResponseEncoder) -> tuple[bytes, ...] | None:
        """Return the first rate by preference that is fresh enough, or `None`.

        Raises:
            UnknownSymbol, NotTrading: no source has the symbol.
            CacheUnavailable, DatabaseUnavailable: the state is not loaded yet.
        """
        rates.check_loaded()
        if self._revision != rates.catalog.revision:
            self._candidates = rates.candidates(self._symbol, self._source, self._policy)
            # It may show the instrument.
            self._encoded_rate = None
            self._revision = rates.catalog.revision
        now = rates.now()
        preferred: Ticker | None = None
        for slot, max_age in self._candidates:
            ticker = slot.ticker
            if ticker is None:
                continue
            if preferred is None:
                preferred = ticker
            elif not rates.is_near(ticker, preferred):
                continue
            if now - ticker.observed_at <= max_age:
                encoded_rate = self._encoded_rate
                if encoded_rate is None or not encoded_rate.is_valid_for(ticker, now):
                    encoded_rate = encoder.encoded_rate(self._selection, rates.to_rate(ticker, now))
                    self._encoded_rate = encoded_rate
                return (encoded_rate.encode_at(now),)
        return None
