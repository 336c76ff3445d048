"""TradingView's Universal Data Feed over the candles.

Link: https://www.tradingview.com/charting-library-docs/latest/connecting_data/UDF
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import msgspec

from gateway.gateway import Gateway
from gateway.queries.candles.candle_list import CandleList
from gateway.queries.candles.query import FIRST_TIME, LAST_TIME, MAX_CANDLES, CandlesQuery
from gateway.rest.parameters import read_integer
from gateway.state.instrument_pages import ListFilter, PageRequest
from history.interval import Interval
from instruments.instrument import Instrument
from rates.clock import EPOCH
from rates.errors import InvalidArgument
from rates.number import format_decimal
from rates.source import Source
from rates.symbol import Symbol, parse_symbol
from rates.ticker import TickerKey

RESOLUTIONS: Mapping[str, Interval] = {
    "1S": Interval.S1,
    "1": Interval.M1,
    "5": Interval.M5,
    "15": Interval.M15,
    "30": Interval.M30,
    "60": Interval.H1,
    "240": Interval.H4,
    "720": Interval.H12,
    "1D": Interval.D1,
    "1W": Interval.W1,
    "1M": Interval.MN1,
}
# Other spellings of the same.
_ALIASES = {"S": "1S", "D": "1D", "W": "1W", "M": "1M"}
DEFAULT_RESULTS, MAX_RESULTS = 30, 100
# Decimal places of a price that nobody has seen yet.
DEFAULT_PLACES, MAX_PLACES = 2, 12
_SECOND = timedelta(seconds=1)

HISTORY_PARAMETERS = frozenset({"symbol", "resolution", "from", "to", "countback", "currencyCode", "unitId"})


def make_config() -> dict[str, Any]:
    """Return what the data feed can do."""
    return {
        "supported_resolutions": list(RESOLUTIONS),
        "supports_group_request": False,
        "supports_marks": False,
        "supports_search": True,
        "supports_timescale_marks": False,
        "supports_time": True,
        "exchanges": [
            {"value": "", "name": "All", "desc": "All sources"},
            *(
                {"value": source.name, "name": source.display_name, "desc": source.display_name}
                for source in Source
            ),
        ],
        "symbols_types": [{"name": "All", "value": ""}, {"name": "Crypto", "value": "crypto"}],
    }


def parse_name(text: str) -> tuple[Source | None, Symbol]:
    """Parse `BINANCE:BTC/USDT`, or a symbol without a source.

    Raises:
        InvalidArgument: there is no such source.
        InvalidSymbol: not BASE/QUOTE.
    """
    name, colon, rest = text.partition(":")
    if not colon:
        return None, parse_symbol(text)
    if name not in Source.__members__:
        raise InvalidArgument("symbol", text, "SOURCE:BASE/QUOTE, e.g. BINANCE:BTC/USDT")
    return Source[name], parse_symbol(rest)


def read_history_query(values: Mapping[str, str]) -> CandlesQuery:
    """Read the query of a history. `countback` goes before `from`, as the library demands.

    Raises:
        InvalidArgument, InvalidSymbol: a parameter is missing or out of range.
    """
    source, symbol = parse_name(values.get("symbol", ""))
    resolution = values.get("resolution", "")
    interval = RESOLUTIONS.get(_ALIASES.get(resolution, resolution))
    if interval is None:
        raise InvalidArgument("resolution", resolution, f"one of {', '.join(RESOLUTIONS)}")
    end = _read_seconds(values, "to")
    if "countback" in values:
        count = min(read_integer(values, "countback", 0), MAX_CANDLES)
        return CandlesQuery(symbol, interval, source, end=end, last=max(1, count))
    return CandlesQuery(
        symbol, interval, source, start=_read_seconds(values, "from"), end=end, last=MAX_CANDLES
    )


def _read_seconds(values: Mapping[str, str], name: str) -> datetime | None:
    """Return a time in seconds of the epoch, within the history that there can be."""
    if name not in values:
        return None
    # The library asks for times before the epoch too.
    text = values[name]
    seconds = read_integer({name: text.removeprefix("-")}, name, 0)
    at = EPOCH + (-seconds if text.startswith("-") else seconds) * _SECOND
    return min(max(at, FIRST_TIME), LAST_TIME)


def encode_history(value: CandleList) -> bytes:
    """Encode candles with trades as columns, with all digits of their numbers.

    Others are left out: the library has no way to draw them. Candles of samples have no column of volumes.
    """
    found = [(one.candle, one.candle.bar) for one in value.items if one.candle.bar is not None]
    if not found:
        earlier = value.items[0].candle.open_time if value.items and value.has_more else None
        content: dict[str, Any] = {"s": "no_data"}
        if earlier is not None:
            content["nextTime"] = _to_seconds(earlier - _SECOND)
        return msgspec.json.encode(content)
    columns = {
        "t": [b"%d" % _to_seconds(candle.open_time) for candle, _ in found],
        "o": [_encode(bar.open) for _, bar in found],
        "h": [_encode(bar.high) for _, bar in found],
        "l": [_encode(bar.low) for _, bar in found],
        "c": [_encode(bar.close) for _, bar in found],
    }
    volumes = [bar.volume for _, bar in found if bar.volume is not None]
    if len(volumes) == len(found):
        columns["v"] = [_encode(volume) for volume in volumes]
    body = b",".join(b'"%b":[%b]' % (name.encode(), b",".join(numbers)) for name, numbers in columns.items())
    return b'{"s":"ok",%b}' % body


def _encode(number: Any) -> bytes:
    return format_decimal(number).encode()


def _to_seconds(at: datetime) -> int:
    return (at - EPOCH) // _SECOND


class SymbolDirectory:
    """Symbols of the data feed: every tracked instrument, by `SOURCE:BASE/QUOTE`."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway

    def describe(self, text: str) -> dict[str, Any]:
        """Return the description of one symbol.

        Raises:
            UnknownSymbol: nobody tracks it.
            InvalidArgument, InvalidSymbol: not a symbol.
        """
        source, symbol = parse_name(text)
        instrument = self._find(source, symbol)
        name = f"{instrument.source.name}:{symbol}"
        return {
            "name": str(symbol),
            "ticker": name,
            "full_name": name,
            "description": f"{instrument.name} / {symbol.quote}, {instrument.source.display_name}",
            "type": "crypto",
            "session": "24x7",
            "timezone": "Etc/UTC",
            "exchange": instrument.source.name,
            "listed_exchange": instrument.source.name,
            "format": "price",
            "minmov": 1,
            "pricescale": 10 ** self._count_places(instrument),
            "has_intraday": True,
            "has_seconds": True,
            "seconds_multipliers": ["1"],
            "has_daily": True,
            "has_weekly_and_monthly": True,
            "supported_resolutions": list(RESOLUTIONS),
            "volume_precision": 8,
            "data_status": "streaming",
            "currency_code": symbol.quote,
        }

    def search(self, values: Mapping[str, str]) -> list[dict[str, str]]:
        """Return the symbols that match a text, the largest markets first.

        Raises:
            InvalidArgument: a parameter is out of range.
        """
        exchange = values.get("exchange", "")
        if exchange and exchange not in Source.__members__:
            return []
        wanted = ListFilter(source=Source[exchange] if exchange else None, search=values.get("query") or None)
        limit = min(read_integer(values, "limit", DEFAULT_RESULTS), MAX_RESULTS)
        found = self._gateway.catalog.pages.read(wanted, PageRequest(first=limit), None).instruments
        return [
            {
                "symbol": str(each.symbol),
                "full_name": f"{each.source.name}:{each.symbol}",
                "ticker": f"{each.source.name}:{each.symbol}",
                "description": f"{each.name} / {each.symbol.quote}",
                "exchange": each.source.name,
                "type": "crypto",
            }
            for each in found
        ]

    def _find(self, source: Source | None, symbol: Symbol) -> Instrument:
        resolver = self._gateway.rates.resolver
        asked = list(Source) if source is None else [source]
        for each in asked:
            if (instrument := self._gateway.catalog.find(TickerKey(each, symbol))) is not None:
                return instrument
        raise resolver.unknown_symbol(symbol, asked)

    def _count_places(self, instrument: Instrument) -> int:
        """Return the decimal places of the newest price."""
        ticker = self._gateway.mirror.read(TickerKey(instrument.source, instrument.symbol))
        if ticker is None:
            return DEFAULT_PLACES
        exponent = ticker.price.as_tuple().exponent
        return min(max(0, -exponent), MAX_PLACES) if isinstance(exponent, int) else DEFAULT_PLACES
