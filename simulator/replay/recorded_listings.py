"""Base and quote of joined symbols, from listings that were recorded over REST. Pure."""

from collections.abc import Mapping
from urllib.parse import parse_qs, urlsplit

import msgspec

from simulator.replay.recording_file import RecordedAnswer
from simulator.sources import BINANCE, BYBIT

Assets = Mapping[tuple[str, str], tuple[str, str]]


class _BinanceSymbol(msgspec.Struct, rename="camel"):
    symbol: str
    base_asset: str
    quote_asset: str


class _ExchangeInfo(msgspec.Struct):
    symbols: list[_BinanceSymbol]


class _BybitSymbol(msgspec.Struct, rename="camel"):
    symbol: str
    base_coin: str
    quote_coin: str


class _BybitResult(msgspec.Struct):
    list: list[_BybitSymbol]


class _BybitAnswer(msgspec.Struct):
    result: _BybitResult


_decode_binance = msgspec.json.Decoder(_ExchangeInfo).decode
_decode_bybit = msgspec.json.Decoder(_BybitAnswer).decode


def assets_in(answer: RecordedAnswer) -> Assets:
    """Base and quote by source and symbol; empty for any other answer."""
    url = urlsplit(answer.uri)
    try:
        if url.path == "/api/v3/exchangeInfo":
            found = _decode_binance(answer.body).symbols
            return {(BINANCE, one.symbol): (one.base_asset, one.quote_asset) for one in found}
        if url.path == "/v5/market/instruments-info" and parse_qs(url.query).get("category") == ["spot"]:
            listed = _decode_bybit(answer.body).result.list
            return {(BYBIT, one.symbol): (one.base_coin, one.quote_coin) for one in listed}
    except msgspec.DecodeError:
        pass  # an error body: it lists nothing
    return {}
