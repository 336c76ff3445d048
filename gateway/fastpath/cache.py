"""The encoded rates of one selection: the newest version of each instrument."""

from datetime import datetime

from graphql import GraphQLSchema

from gateway.fastpath.encoded_rate import EncodedRate, RateEncoder
from gateway.fastpath.rate_table import RateTable
from gateway.fastpath.selection import Selection
from gateway.queries.rate import Rate
from gateway.queries.rate_reader import RateReader
from rates.ticker import Ticker, TickerKey

# Memory of an encoded rate besides its bytes.
OVERHEAD_BYTES = 300


class EncodedRateCache:
    """Encoded rates by instrument."""

    def __init__(self, schema: GraphQLSchema, selection: Selection, rates: RateReader) -> None:
        self._encoder = RateEncoder(schema, selection, rates)
        self._to_rate = rates.to_rate
        self.table = RateTable(rates, self._read_ticker, has_freshness=self._encoder.has_freshness)
        """The same rates in columns."""
        self.revision = -1
        """Of the catalog whose instruments the rates may show."""
        self._encoded_rates: dict[TickerKey, EncodedRate] = {}
        self.encoded_count = 0
        """How many rate versions were encoded."""
        self.rates_weight = OVERHEAD_BYTES
        """Bytes that it takes, about, without the columns."""

    @property
    def has_age(self) -> bool:
        """Whether the encoded rates contain an age, which changes all the time."""
        return self._encoder.has_age

    @property
    def weight(self) -> int:
        """Bytes that it takes, about."""
        return self.rates_weight + self.table.weight

    def match_revision(self, revision: int) -> None:
        """Drop the rates that show an instrument of another revision of the catalog."""
        self.revision = revision
        if self._encoder.has_instrument:
            self._encoded_rates.clear()
            self.table.clear()
            self.rates_weight = OVERHEAD_BYTES

    def read(self, rate: Rate) -> EncodedRate:
        """Return the encoded rate, encoding it if it is missing or outdated."""
        ticker = rate.ticker
        key = TickerKey(ticker.source, ticker.symbol)
        known = self._encoded_rates.get(key)
        if known is not None and known.ticker is ticker and known.is_valid_for(ticker, rate.now):
            return known
        encoded_rate = self._encoder.encode(rate)
        self._encoded_rates[key] = encoded_rate
        self.encoded_count += 1
        # The parts and `with_comma` hold the same text.
        if known is None:
            self.rates_weight += OVERHEAD_BYTES + 2 * len(encoded_rate.with_comma)
        else:
            self.rates_weight += 2 * (len(encoded_rate.with_comma) - len(known.with_comma))
        return encoded_rate

    def _read_ticker(self, ticker: Ticker, now: datetime) -> EncodedRate:
        return self.read(self._to_rate(ticker, now))
