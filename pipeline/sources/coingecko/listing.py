"""CoinGecko's listing: `/coins/list`, all active coins with their ids.

Takes one call of the shared budget.
"""

import msgspec

from instruments.listed import InstrumentListing, ListedInstrument, TradingStatus
from pipeline.net.decode_errors import DECODE_ERRORS
from pipeline.sources.coingecko.client import CoinGeckoClient
from pipeline.sources.listing_entries import read_entries
from rates.errors import SourceProtocolError
from rates.source import Source

PATH = "/coins/list"
# By default the endpoint returns active coins only.
ACTIVE = "active"


class _Coin(msgspec.Struct, frozen=True):
    id: str
    symbol: str | None = None
    name: str | None = None


_decoder = msgspec.json.Decoder(list[msgspec.Raw])
_coin_decoder = msgspec.json.Decoder(_Coin)


class CoinGeckoListing:
    """A `ListingFetcher` over REST, within the budget that all replicas share."""

    def __init__(self, client: CoinGeckoClient) -> None:
        self._client = client

    async def fetch_listing(self) -> InstrumentListing:
        return parse_listing((await self._client.fetch_json(PATH)).content)


def parse_listing(body: bytes) -> InstrumentListing:
    """Parse all coins.

    Many coins share a symbol (25 have `pepe`), so that only ids identify them. A coin without a symbol is
    listed with an empty base.

        `[{"id":"bitcoin","symbol":"btc","name":"Bitcoin"},…]`, format: coingecko-api-oas, `/coins/list`.

    Raises:
        SourceProtocolError: malformed.
    """
    try:
        coins = _decoder.decode(body)
    except DECODE_ERRORS as exc:
        raise SourceProtocolError(
            Source.COINGECKO, f"expected a list of coins, saw {body[:160]!r}: {exc}"
        ) from exc
    return read_entries(Source.COINGECKO, coins, _coin_decoder, _to_listed, key="id")


def _to_listed(coin: _Coin) -> ListedInstrument:
    return ListedInstrument(
        source_symbol=coin.id,
        base=(coin.symbol or "").upper(),
        quote=None,
        name=coin.name or coin.id,
        status=TradingStatus.TRADING,
        word=ACTIVE,
    )
