"""Bybit's spot listing: `/v5/market/instruments-info`, which has no pages for spot. Pure."""

import msgspec

from instruments.identity.asset_table import reviewed_assets
from instruments.listed import InstrumentListing, ListedInstrument, TradingStatus
from pipeline.net.decode_errors import DECODE_ERRORS
from pipeline.sources.listing_entries import read_entries
from rates.errors import SourceProtocolError, SourceUnavailable
from rates.source import Source

PATH = "/v5/market/instruments-info"
PARAMS = {"category": "spot"}
TRADING = "Trading"


class _Symbol(msgspec.Struct, frozen=True, rename="camel"):
    symbol: str
    base_coin: str
    quote_coin: str
    status: str


class _Result(msgspec.Struct, frozen=True):
    list: tuple[msgspec.Raw, ...] = ()


class _Answer(msgspec.Struct, frozen=True, rename="camel"):
    ret_code: int
    ret_msg: str = ""
    result: _Result = _Result()


_decoder = msgspec.json.Decoder(_Answer)
_symbol_decoder = msgspec.json.Decoder(_Symbol)


def parse_listing(body: bytes) -> InstrumentListing:
    """Parse all spot symbols, with base and quote as Bybit gives them.

    `{"retCode":0,"retMsg":"OK","result":{"category":"spot","list":[{"symbol":"BTCUSDT","baseCoin":"BTC","quoteCoin":"USDT",
    "status":"Trading",…}]},"time":1672712468011}`, format: bybit-exchange.github.io/docs/v5/market/instrument.

    Raises:
        SourceProtocolError: malformed.
        SourceUnavailable: an error response with HTTP 200.
    """
    try:
        answer = _decoder.decode(body)
    except DECODE_ERRORS as exc:
        said = f"expected instruments, saw {body[:160]!r}: {exc}"
        raise SourceProtocolError(Source.BYBIT, said) from exc
    if answer.ret_code != 0:
        said = f"the listing was refused: {answer.ret_code} {answer.ret_msg[:160]}"
        raise SourceUnavailable(Source.BYBIT, said)
    return read_entries(Source.BYBIT, answer.result.list, _symbol_decoder, _to_listed, key="symbol")


def _to_listed(one: _Symbol) -> ListedInstrument:
    return ListedInstrument(
        source_symbol=one.symbol,
        base=reviewed_assets().code(Source.BYBIT, one.base_coin),
        quote=reviewed_assets().code(Source.BYBIT, one.quote_coin),
        name=one.base_coin,
        status=TradingStatus.TRADING if one.status == TRADING else TradingStatus.HALTED,
        word=one.status,
    )
