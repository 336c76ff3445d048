"""The tracked instruments that producers and push feeds use."""

from datetime import timedelta

import msgspec

from instruments.instrument import Halt
from pipeline.watchlist import Watchlist
from rates.source import Source
from tests.pipeline.fakes import START, FakeReader, instrument


async def test_a_halted_instrument_is_neither_polled_nor_subscribed() -> None:
    """Until its source trades it again."""
    btc, eth = instrument("BTC/USDT"), instrument("ETH/USDT")
    reader = FakeReader([btc, msgspec.structs.replace(eth, halt=Halt("BREAK", START))])
    watchlist = Watchlist(reader, refresh=timedelta(seconds=1))
    await watchlist.read()
    assert watchlist.instruments(Source.BINANCE) == (btc,)
    reader.instruments = [btc, eth]
    await watchlist.read()
    assert watchlist.instruments(Source.BINANCE) == (btc, eth)
