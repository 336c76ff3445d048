"""What Binance lists: `exchangeInfo`. Over REST, because the answer (10 MB) would hold up the session that brings rates."""

from collections.abc import Sequence

import msgspec

from instruments.listed import ListedInstrument, TradingStatus
from pipeline.net.rest_client import RestClient
from rates.errors import SourceProtocolError
from rates.source import Source

PATH = "/api/v3/exchangeInfo"
# The sets of account permissions are half of the answer and of no use here.
PARAMS = {"showPermissionSets": "false"}
TRADING = "TRADING"


class _SymbolInfo(msgspec.Struct, frozen=True, rename="camel"):
    symbol: str
    status: str
    base_asset: str
    quote_asset: str


class _ExchangeInfo(msgspec.Struct, frozen=True):
    symbols: list[_SymbolInfo]


_decoder = msgspec.json.Decoder(_ExchangeInfo)


class BinanceListing:
    """A `ListingFetcher` over REST; one question has weight 20 of 6000 a minute."""

    def __init__(self, rest: RestClient) -> None:
        self._rest = rest

    async def fetch_listing(self) -> Sequence[ListedInstrument]:
        return parse_listing(await self._rest.fetch_json(PATH, PARAMS))


def parse_listing(body: bytes) -> list[ListedInstrument]:
    """Every pair of an `exchangeInfo`, split as Binance itself splits it.

    `{"timezone":"UTC",…,"symbols":[{"symbol":"ETHBTC","status":"TRADING","baseAsset":"ETH","quoteAsset":"BTC",…}]}`, format:
    binance-spot-api-docs, `rest-api.md`. Of the statuses (`enums.md`: TRADING END_OF_DAY HALT BREAK CANCEL_ONLY) one makes prices.

    Raises:
        SourceProtocolError: no answer of this form; one entry that cannot be read would else count as delisted.
    """
    try:
        symbols = _decoder.decode(body).symbols
    except msgspec.MsgspecError as exc:
        raise SourceProtocolError(
            Source.BINANCE, f"expected an exchangeInfo, saw {body[:160]!r}: {exc}"
        ) from exc
    return [
        ListedInstrument(
            source_symbol=one.symbol,
            base=one.base_asset,
            quote=one.quote_asset,
            # exchangeInfo has codes only.
            name=one.base_asset,
            status=TradingStatus.TRADING if one.status == TRADING else TradingStatus.HALTED,
            word=one.status,
        )
        for one in symbols
    ]
