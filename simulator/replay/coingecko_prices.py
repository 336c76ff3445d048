"""Recorded CoinGecko answers: prices with their exact digits, and the coins named. Pure."""

from collections.abc import Mapping
from urllib.parse import urlsplit

import msgspec

from simulator.markets import Coin
from simulator.replay.recording_file import RecordedAnswer

Prices = dict[str, dict[str, msgspec.Raw]]

_decode_prices = msgspec.json.Decoder(Prices).decode


class _NamedCoin(msgspec.Struct):
    id: str
    symbol: str
    name: str


_decode_coin = msgspec.json.Decoder(_NamedCoin | list[_NamedCoin]).decode


def _endpoint(answer: RecordedAnswer) -> str:
    return urlsplit(answer.uri).path.partition("/api/v3")[2].strip("/")


def prices_in(answer: RecordedAnswer) -> Mapping[str, Mapping[str, str]] | None:
    """The number texts of a successful /simple/price answer by coin id and key.

    None for any other answer.
    """
    if answer.status != 200 or _endpoint(answer) != "simple/price":
        return None
    try:
        found = _decode_prices(answer.body)
    except msgspec.DecodeError:
        return None  # an error body recorded with status 200
    return {coin: {key: bytes(raw).decode() for key, raw in pairs.items()} for coin, pairs in found.items()}


def coins_in(answer: RecordedAnswer) -> Mapping[str, Coin]:
    """The coins named by a successful /coins/... answer."""
    if answer.status != 200 or not _endpoint(answer).startswith("coins/"):
        return {}
    try:
        found = _decode_coin(answer.body)
    except msgspec.DecodeError:
        return {}  # histories and charts name no coin
    coins = found if isinstance(found, list) else [found]
    return {coin.id: Coin(coin.id, coin.symbol, coin.name) for coin in coins}
