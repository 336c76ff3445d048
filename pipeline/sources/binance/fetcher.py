"""Fetches Binance's rates for one task: `ticker.24hr` for all symbols in one request."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

import msgspec
import structlog

from pipeline.health import SourceHealth
from pipeline.sources.binance.api_errors import is_bad_symbol
from pipeline.sources.binance.messages import parse_ticker, split_entries
from pipeline.sources.binance.session import BinanceSession
from pipeline.sources.binance.tickers import has_market, to_ticker
from pipeline.task import RequestedInstrument
from pipeline.validation import Rejection
from rates.clock import Clock
from rates.errors import SourceProtocolError
from rates.source import Source
from rates.symbol import Symbol
from rates.ticker import Ticker

# Weight 2 for 1 to 20 symbols, 40 for up to 100: five small requests cost a quarter of one large one.
SHARD_SIZE = 20
# Long enough not to fail every task, short enough to notice a new listing.
UNLISTED_FOR = timedelta(minutes=10)


class BinanceFetcher:
    """A `RateFetcher` over one WebSocket API session."""

    def __init__(
        self, session: BinanceSession, health: SourceHealth, *, simulated: bool, clock: Clock
    ) -> None:
        self._session = session
        self._health = health
        self._simulated = simulated
        self._clock = clock
        self._unlisted: dict[str, datetime] = {}
        self._log = structlog.get_logger("ratewire.binance").bind(role=health.role)

    async def fetch(self, instruments: Sequence[RequestedInstrument]) -> Sequence[Ticker]:
        self._forget_unlisted()
        symbols = {
            one.source_symbol: one.symbol for one in instruments if one.source_symbol not in self._unlisted
        }
        if not symbols:
            return ()
        entries = await self._fetch_entries(list(symbols))
        if entries is None:
            entries = await self._fetch_singly(symbols)
        return self._read(entries, symbols)

    async def _fetch_entries(self, source_symbols: Sequence[str]) -> list[msgspec.Raw] | None:
        """Fetch the entries of one response.

        `None` if a symbol was rejected, which fails the whole list.
        """
        answer = await self._session.request("ticker.24hr", {"symbols": source_symbols})
        return None if is_bad_symbol(answer) else split_entries(answer.result)

    async def _fetch_singly(self, symbols: Mapping[str, Symbol]) -> list[msgspec.Raw]:
        """Find the symbol that fails the list, and leave it out for a while."""
        found: list[msgspec.Raw] = []
        for source_symbol in symbols:
            entries = await self._fetch_entries([source_symbol])
            if entries is None:
                self._unlisted[source_symbol] = self._clock() + UNLISTED_FOR
            found += entries or ()
        self._note_unlisted()
        return found

    def _read(self, entries: Sequence[msgspec.Raw], symbols: Mapping[str, Symbol]) -> list[Ticker]:
        received_at = self._clock()
        tickers, dead = [], 0
        for entry in entries:
            try:
                raw = parse_ticker(entry)
                if raw.symbol not in symbols:
                    continue
                if has_market(raw):
                    symbol = symbols[raw.symbol]
                    tickers.append(to_ticker(raw, symbol, received_at=received_at, simulated=self._simulated))
                else:
                    dead += 1
                    self._health.record_rejection(Rejection.NO_MARKET, f"{raw.symbol} at {raw.last_price}")
            except SourceProtocolError as exc:
                self._health.record_rejection(Rejection.UNREADABLE, str(exc))
        if entries and not tickers and not dead:
            raise SourceProtocolError(
                Source.BINANCE, f"expected tickers of the requested symbols, saw {bytes(entries[0])[:160]!r}"
            )
        return tickers

    def _forget_unlisted(self) -> None:
        now = self._clock()
        if any(until <= now for until in self._unlisted.values()):
            self._unlisted = {symbol: until for symbol, until in self._unlisted.items() if until > now}
            self._note_unlisted()

    def _note_unlisted(self) -> None:
        names = ", ".join(sorted(self._unlisted))
        self._health.set_notice("unlisted", f"not listed by Binance: {names}" if names else None)
