"""OKX's spot listing: `/api/v5/public/instruments`, complete in one response. Pure."""

import msgspec

from instruments.identity.asset_table import reviewed_assets
from instruments.listed import InstrumentListing, ListedInstrument, TradingStatus
from pipeline.net.decode_errors import DECODE_ERRORS
from pipeline.sources.listing_entries import read_entries
from rates.errors import SourceProtocolError, SourceUnavailable
from rates.source import Source

PATH = "/api/v5/public/instruments"
PARAMS = {"instType": "SPOT"}
LIVE = "live"


class _Instrument(msgspec.Struct, frozen=True, rename="camel"):
    inst_id: str
    base_ccy: str
    quote_ccy: str
    state: str


class _Answer(msgspec.Struct, frozen=True):
    code: str
    msg: str = ""
    data: list[msgspec.Raw] = []


_decoder = msgspec.json.Decoder(_Answer)
_instrument_decoder = msgspec.json.Decoder(_Instrument)


def parse_listing(body: bytes) -> InstrumentListing:
    """Parse all spot instruments.

    `{"code":"0","msg":"","data":[{"instType":"SPOT","instId":"BTC-USDT","baseCcy":"BTC","quoteCcy":"USDT","state":"live",…}]}`,
    format: okx.com/docs-v5, "Get instruments". Of the states (live suspend preopen test) only one has trades.

    Raises:
        SourceProtocolError: malformed.
        SourceUnavailable: an error response with HTTP 200.
    """
    try:
        answer = _decoder.decode(body)
    except DECODE_ERRORS as exc:
        said = f"expected instruments, saw {body[:160]!r}: {exc}"
        raise SourceProtocolError(Source.OKX, said) from exc
    if answer.code != "0":
        raise SourceUnavailable(Source.OKX, f"the listing was refused: {answer.code} {answer.msg[:160]}")
    return read_entries(Source.OKX, answer.data, _instrument_decoder, _to_listed, key="instId")


def _to_listed(one: _Instrument) -> ListedInstrument:
    return ListedInstrument(
        source_symbol=one.inst_id,
        base=reviewed_assets().code(Source.OKX, one.base_ccy),
        quote=reviewed_assets().code(Source.OKX, one.quote_ccy),
        name=one.base_ccy,
        status=TradingStatus.TRADING if one.state == LIVE else TradingStatus.HALTED,
        word=one.state,
    )
