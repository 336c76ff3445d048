"""Binance's market as far as the replayed frames tell it.

Unknown fields are left out, never invented.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from simulator.markets import DayTicker, Listing, PublishedKline
from simulator.replay.event_times import MICROSECONDS_FROM
from simulator.replay.timeline import Timeline

_DAY_FIELDS = {
    "p": "priceChange",
    "P": "priceChangePercent",
    "w": "weightedAvgPrice",
    "x": "prevClosePrice",
    "c": "lastPrice",
    "Q": "lastQty",
    "o": "openPrice",
    "h": "highPrice",
    "l": "lowPrice",
    "v": "volume",
    "q": "quoteVolume",
    "O": "openTime",
    "F": "firstId",
    "L": "lastId",
    "n": "count",
}
_BOOK_FIELDS = {"b": "bidPrice", "B": "bidQty", "a": "askPrice", "A": "askQty"}
_OF_ONE_TRADE = ("lastQty", "lastId")  # fields of one trade: removed when a frame brings a price without them
_TIMES = ("openTime", "closeTime")

Payload = Mapping[str, object]


@dataclass(slots=True)
class _Known:
    ticker_24h: dict[str, str | int] = field(default_factory=dict)
    book_ticker: dict[str, str] = field(default_factory=dict)


class RecordedBinance:
    """The state after the frames applied so far; times are shifted when read."""

    def __init__(self, listings: Mapping[str, Listing]) -> None:
        self._listings = listings
        self._known: dict[str, _Known] = {}
        self.timeline: Timeline | None = None

    def listings(self) -> Mapping[str, Listing]:
        """All symbols with a frame in the recording."""
        return self._listings

    def ticker_24h(self, symbol: str) -> DayTicker | None:
        """The known 24 h fields; None before the first price."""
        known = self._known.get(symbol)
        if known is None or "lastPrice" not in known.ticker_24h:
            return None
        return {
            **known.book_ticker,
            **{name: self._moved(name, value) for name, value in known.ticker_24h.items()},
        }

    def last_price(self, symbol: str) -> str | None:
        """The last price; None before the first."""
        known = self._known.get(symbol)
        return None if known is None else _text(known.ticker_24h.get("lastPrice"))

    def book_ticker(self, symbol: str) -> Mapping[str, str] | None:
        """The best prices; None before the first ones."""
        known = self._known.get(symbol)
        return known.book_ticker if known is not None and known.book_ticker else None

    def klines(self, _symbol: str, _start_ns: int, _end_ns: int) -> tuple[PublishedKline, ...]:
        """Nothing: a recording need not have all trades."""
        return ()

    def apply(self, stream: str, data: str) -> None:
        """Apply a frame."""
        if "@depth" in stream:
            return
        payload = json.loads(data)
        for item in payload if isinstance(payload, list) else [payload]:
            if isinstance(item, dict) and isinstance(item.get("s"), str):
                self._apply(item["s"], item)

    def _apply(self, symbol: str, payload: Payload) -> None:
        known = self._known.setdefault(symbol, _Known())
        event = payload.get("e")
        if event is None:
            known.book_ticker.update(_fields(payload, _BOOK_FIELDS))
        elif event in ("trade", "aggTrade"):
            known.ticker_24h.update(_trade_fields(payload))
        elif event == "kline":
            self._apply_kline(known, payload)
        elif isinstance(event, str) and event.endswith("Ticker"):
            _apply_ticker(known, payload, whole_day=event.startswith("24hr"))

    @staticmethod
    def _apply_kline(known: _Known, payload: Payload) -> None:
        candle = payload["k"]
        if not isinstance(candle, dict):
            raise TypeError(f"seen {candle!r} under k, expected a candle")
        if candle["L"] != -1:  # -1: no trade in this candle, so its close is not new
            _set_price(
                known.ticker_24h, {"lastPrice": candle["c"], "lastId": candle["L"], "closeTime": payload["E"]}
            )

    def _moved(self, name: str, value: str | int) -> str | int:
        if name not in _TIMES or not isinstance(value, int) or self.timeline is None:
            return value
        # A recording in microseconds answers in milliseconds, the API's default unit.
        value_ms = value // 1000 if value >= MICROSECONDS_FROM else value
        return self.timeline.moved_ms(value_ms)


def _trade_fields(payload: Payload) -> dict[str, str | int]:
    last_id = payload["l"] if payload["e"] == "aggTrade" else payload["t"]
    return _plain(
        {"lastPrice": payload["p"], "lastQty": payload["q"], "lastId": last_id, "closeTime": payload["E"]}
    )


def _apply_ticker(known: _Known, payload: Payload, *, whole_day: bool) -> None:
    fields = _plain({**_fields(payload, _DAY_FIELDS), "closeTime": payload["E"]})
    if not whole_day:
        # A one-hour window has the last price, but not the day's high.
        fields = {name: fields[name] for name in ("lastPrice", "lastId", "closeTime") if name in fields}
    _set_price(known.ticker_24h, fields)
    known.book_ticker.update(_fields(payload, _BOOK_FIELDS))


def _set_price(ticker_24h: dict[str, str | int], fields: Mapping[str, object]) -> None:
    for name in _OF_ONE_TRADE:
        ticker_24h.pop(name, None)
    ticker_24h.update(_plain(fields))


def _fields(payload: Payload, names: Mapping[str, str]) -> dict[str, str]:
    return {long: payload[short] for short, long in names.items() if short in payload}  # type: ignore[misc]


def _plain(fields: Mapping[str, object]) -> dict[str, str | int]:
    return {name: value for name, value in fields.items() if isinstance(value, str | int)}


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None
