"""CoinGecko's answers under faults: its list and the numbers of each coin."""

from collections.abc import Callable, Collection, Mapping
from decimal import Decimal

from simulator.faults.active_faults import ActiveFaults
from simulator.faults.fault import Fault
from simulator.faults.price_observer import PriceObserver
from simulator.markets import Coin, CoinGeckoMarket
from simulator.sources import COINGECKO


class FaultyCoinGecko:
    """CoinGecko's market as clients see it under faults."""

    def __init__(
        self, market: CoinGeckoMarket, active_faults: ActiveFaults, price_observer: PriceObserver
    ) -> None:
        self._market = market
        self._active_faults = active_faults
        self._price_observer = price_observer

    def coins(self) -> Mapping[str, Coin]:
        """All coins except the delisted ones."""
        faults = [fault for fault in self._active_faults.for_source(COINGECKO) if fault.kind == "delisted"]
        coins = self._market.coins()
        if not faults:
            return coins
        return {
            coin_id: coin
            for coin_id, coin in coins.items()
            if not any(fault.applies_to(coin_id) for fault in faults)
        }

    def has_price(self, coin_id: str) -> bool:
        """Whether answers contain a key for the coin."""
        missing = any(
            fault.kind in ("silent", "delisted")
            for fault in self._active_faults.for_symbol(COINGECKO, coin_id)
        )
        return not missing and self._market.has_price(coin_id)

    def quote(self, coin_id: str, currency: str, *, full: bool = False) -> Mapping[str, str]:
        """The numbers of a coin in one currency."""
        quote = self._market.quote(coin_id, currency, full=full)
        for fault in self._active_faults.for_symbol(COINGECKO, coin_id):
            quote = _changed_quote(fault, f"{coin_id}/{currency}", currency, quote)
        if currency in quote:
            self._price_observer.on_price(COINGECKO, coin_id, quote[currency])
        return quote

    def currencies(self) -> Collection[str]:
        """All quote currencies."""
        return self._market.currencies()

    def max_age_seconds(self) -> tuple[int, int]:
        """`max-age` and `s-maxage` of an answer, in seconds."""
        return self._market.max_age_seconds()


def _changed_quote(fault: Fault, key: str, currency: str, quote: Mapping[str, str]) -> Mapping[str, str]:
    change = _QUOTE_CHANGES.get(fault.kind)
    if change is None or currency not in quote:
        return quote
    fault.record_hit()
    return change(fault, key, currency, quote)


def _frozen_quote(fault: Fault, key: str, currency: str, quote: Mapping[str, str]) -> Mapping[str, str]:
    kept = fault.memory.setdefault(key, quote)
    assert isinstance(kept, Mapping)
    return kept if fault.parameters["mode"] == "repeat" else {**quote, currency: kept[currency]}


def _late_quote(fault: Fault, _key: str, _currency: str, quote: Mapping[str, str]) -> Mapping[str, str]:
    offset = int(fault.number("offset_s"))
    times = {name: value for name, value in quote.items() if name == "last_updated_at"}
    return {**quote, **{name: str(int(value) + offset) for name, value in times.items()}}


_QuoteChange = Callable[[Fault, str, str, Mapping[str, str]], Mapping[str, str]]
_QUOTE_CHANGES: Mapping[str, _QuoteChange] = {
    "nulls": lambda _fault, _key, currency, quote: {
        **quote,
        currency: "null",
        f"{currency}_24h_change": "null",
    },
    "missing": lambda _fault, _key, _currency, _quote: {},
    "zero-prices": lambda _fault, _key, currency, quote: {**quote, currency: "0"},
    "other-asset": lambda fault, _key, currency, quote: {
        **quote,
        currency: f"{Decimal(quote[currency]) * Decimal(str(fault.number('factor'))):f}",
    },
    "exponents": lambda _fault, _key, currency, quote: {**quote, currency: f"{Decimal(quote[currency]):e}"},
    "clock": _late_quote,
    "frozen": _frozen_quote,
}
