"""Coinbase's listing: `/products`, complete in one response. Pure."""

import msgspec

from instruments.identity.asset_table import reviewed_assets
from instruments.listed import InstrumentListing, ListedInstrument, TradingStatus
from pipeline.net.decode_errors import DECODE_ERRORS
from pipeline.sources.listing_entries import read_entries
from rates.errors import SourceProtocolError
from rates.source import Source

PATH = "/products"
ONLINE = "online"


class _Product(msgspec.Struct, frozen=True):
    id: str
    base_currency: str
    quote_currency: str
    status: str
    trading_disabled: bool = False
    cancel_only: bool = False
    post_only: bool = False

    @property
    def word(self) -> str:
        """Coinbase's word for the state that prevents trades, else `online`."""
        if self.status != ONLINE:
            return self.status
        flags = {
            "trading_disabled": self.trading_disabled,
            "cancel_only": self.cancel_only,
            "post_only": self.post_only,
        }
        return next((name for name, is_set in flags.items() if is_set), ONLINE)


_decoder = msgspec.json.Decoder(list[msgspec.Raw])
_product_decoder = msgspec.json.Decoder(_Product)


def parse_listing(body: bytes) -> InstrumentListing:
    """Parse all products.

    `[{"id":"BTC-USD","base_currency":"BTC","quote_currency":"USD","status":"online","trading_disabled":false,"cancel_only":
    false,"post_only":false,…},…]`, format: docs.cdp.coinbase.com/exchange, "Get all known trading pairs". A product that only
    takes or cancels orders has no matches.

    Raises:
        SourceProtocolError: malformed.
    """
    try:
        products = _decoder.decode(body)
    except DECODE_ERRORS as exc:
        said = f"expected a list of products, saw {body[:160]!r}: {exc}"
        raise SourceProtocolError(Source.COINBASE, said) from exc
    return read_entries(Source.COINBASE, products, _product_decoder, _to_listed, key="id")


def _to_listed(one: _Product) -> ListedInstrument:
    return ListedInstrument(
        source_symbol=one.id,
        base=reviewed_assets().code(Source.COINBASE, one.base_currency.upper()),
        quote=reviewed_assets().code(Source.COINBASE, one.quote_currency.upper()),
        name=one.base_currency.upper(),
        status=TradingStatus.TRADING if one.word == ONLINE else TradingStatus.HALTED,
        word=one.word,
    )
