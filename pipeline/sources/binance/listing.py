"""Binance's listing: `exchangeInfo`.

Over REST, because its 10 MB would delay the rates on the WebSocket API session.
"""

import msgspec

from instruments.identity.asset_table import reviewed_assets
from instruments.listed import InstrumentListing, ListedInstrument, TradingStatus
from pipeline.net.decode_errors import DECODE_ERRORS
from pipeline.net.rest_client import RestClient
from pipeline.sources.listing_entries import read_entries
from rates.errors import SourceProtocolError
from rates.source import Source

PATH = "/api/v3/exchangeInfo"
# The sets of account permissions are half of the response and not used.
PARAMS = {"showPermissionSets": "false"}
TRADING = "TRADING"


class _SymbolInfo(msgspec.Struct, frozen=True, rename="camel"):
    symbol: str
    status: str
    base_asset: str
    quote_asset: str


class _ExchangeInfo(msgspec.Struct, frozen=True):
    symbols: list[msgspec.Raw]


_decoder = msgspec.json.Decoder(_ExchangeInfo)
_symbol_decoder = msgspec.json.Decoder(_SymbolInfo)


class BinanceListing:
    """A `ListingFetcher` over REST. One request has weight 20 of 6000 a minute."""

    def __init__(self, rest: RestClient) -> None:
        self._rest = rest

    async def fetch_listing(self) -> InstrumentListing:
        return parse_listing(await self._rest.fetch_json(PATH, PARAMS))


def parse_listing(body: bytes) -> InstrumentListing:
    """Parse all pairs of an `exchangeInfo`, with base and quote as Binance gives them.

    `{"timezone":"UTC",…,"symbols":[{"symbol":"ETHBTC","status":"TRADING","baseAsset":"ETH","quoteAsset":"BTC",…}]}`, format:
    binance-spot-api-docs, `rest-api.md`. Of the statuses (`enums.md`: TRADING END_OF_DAY HALT BREAK CANCEL_ONLY) only one has trades.

    Raises:
        SourceProtocolError: malformed, or more than 1 % of the entries are.
    """
    try:
        symbols = _decoder.decode(body).symbols
    except DECODE_ERRORS as exc:
        raise SourceProtocolError(
            Source.BINANCE, f"expected an exchangeInfo, saw {body[:160]!r}: {exc}"
        ) from exc
    return read_entries(Source.BINANCE, symbols, _symbol_decoder, _to_listed, key="symbol")


def _to_listed(one: _SymbolInfo) -> ListedInstrument:
    return ListedInstrument(
        source_symbol=one.symbol,
        base=reviewed_assets().code(Source.BINANCE, one.base_asset),
        quote=reviewed_assets().code(Source.BINANCE, one.quote_asset),
        # exchangeInfo has no names.
        name=one.base_asset,
        status=TradingStatus.TRADING if one.status == TRADING else TradingStatus.HALTED,
        word=one.status,
    )
