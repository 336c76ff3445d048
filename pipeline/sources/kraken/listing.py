"""Kraken's listing: `/0/public/AssetPairs`, complete in one response. Pure."""

import msgspec

from instruments.listed import InstrumentListing, ListedInstrument, TradingStatus
from pipeline.net.decode_errors import DECODE_ERRORS
from pipeline.sources.kraken.symbols import our_asset, v2_asset
from pipeline.sources.listing_entries import read_entries
from rates.errors import SourceProtocolError, SourceUnavailable
from rates.source import Source

PATH = "/0/public/AssetPairs"
# In all other states (cancel_only, post_only, reduce_only) there are no new trades.
MAKING_PRICES = frozenset({"online", "limit_only"})
# Marks another venue's book of the same pair, which has no ticker on WebSocket v2: `AAVE/USD:BTNL`.
VENUE = ":"


class _Pair(msgspec.Struct, frozen=True):
    """Without `wsname` it is not available over WebSocket. Without `status` it is online."""

    wsname: str = ""
    status: str = "online"


class _Answer(msgspec.Struct, frozen=True):
    error: list[str]
    result: dict[str, msgspec.Raw] | None = None


_decoder = msgspec.json.Decoder(_Answer)
_pair_decoder = msgspec.json.Decoder(_Pair)


def parse_listing(body: bytes) -> InstrumentListing:
    """Parse all pairs of WebSocket v2, in its spelling, which is newer than the listing's.

    `{"error":[],"result":{"XXBTZUSD":{"altname":"XBTUSD","wsname":"XBT/USD","base":"XXBT","quote":"ZUSD","status":"online",…}}}`,
    format: docs.kraken.com, "Get Tradable Asset Pairs".

    Raises:
        SourceProtocolError: malformed.
        SourceUnavailable: an error response.
    """
    try:
        answer = _decoder.decode(body)
    except DECODE_ERRORS as exc:
        said = f"expected asset pairs, saw {body[:160]!r}: {exc}"
        raise SourceProtocolError(Source.KRAKEN, said) from exc
    if answer.error or answer.result is None:
        raise SourceUnavailable(Source.KRAKEN, f"the listing was refused: {answer.error}")
    pairs = list(answer.result.values())
    return read_entries(
        Source.KRAKEN,
        pairs,
        _pair_decoder,
        _to_listed,
        key="wsname",
        spell=lambda name: "/".join(_assets(name)),
    )


def _to_listed(pair: _Pair) -> ListedInstrument | None:
    if "/" not in pair.wsname or VENUE in pair.wsname:
        return None
    base, quote = _assets(pair.wsname)
    return ListedInstrument(
        source_symbol=f"{base}/{quote}",
        base=our_asset(base),
        quote=our_asset(quote),
        name=our_asset(base),
        status=TradingStatus.TRADING if pair.status in MAKING_PRICES else TradingStatus.HALTED,
        word=pair.status,
    )


def _assets(wsname: str) -> tuple[str, str]:
    base, _, quote = wsname.partition("/")
    return v2_asset(base), v2_asset(quote)
