"""Folding is cheap enough for every trade of a busy exchange."""

import json
from collections import Counter
from datetime import datetime, timedelta

import pytest

from history.batch import encode_batch_parts
from history.trade_fold import TradeFold
from instruments.instrument import Instrument
from pipeline.feeds.protocol import SymbolTrades
from pipeline.sources.binance.protocol import BinanceProtocol
from rates.clock import format_us
from rates.source import Source
from rates.symbol import Symbol
from tests.cost import costs_at_most
from tests.history.trades import START

TRADES_PER_SECOND, SECONDS, INSTRUMENTS = 4000, 5, 100
# A share of one core, with everything from the frame to the encoded batch, tickers included.
SHARE = 0.15
SYMBOLS = [Symbol(f"C{number}", "USDT") for number in range(INSTRUMENTS)]
TICK = timedelta(milliseconds=100)


def frames() -> list[tuple[datetime, bytes]]:
    """Return the frames of Binance, spread over all instruments."""
    numbers, made = Counter[int](), []
    for count in range(TRADES_PER_SECOND * SECONDS):
        which = count * 7919 % INSTRUMENTS
        numbers[which] += 1
        at = START + timedelta(milliseconds=count * 1000 // TRADES_PER_SECOND)
        ms = format_us(at) // 1000
        price, quantity = f"{61837 + count % 100}.63000000", f"0.0{1 + count % 7}000000"
        data = {"e": "trade", "E": ms, "s": f"C{which}USDT", "t": numbers[which], "p": price, "q": quantity}
        frame = {"stream": f"c{which}usdt@trade", "data": data | {"T": ms, "m": bool(count % 2), "M": True}}
        made.append((at, json.dumps(frame).encode()))
    return made


@pytest.mark.slow
def test_four_thousand_trades_a_second_take_less_than_a_seventh_of_a_core() -> None:
    """Parsed, merged into tickers, folded, taken every 100 ms and encoded for the log."""
    made = frames()
    protocol = BinanceProtocol(simulated=False)
    protocol.deliver_trades()
    protocol.track([Instrument(Source.BINANCE, one, f"{one.base}USDT", one.base) for one in SYMBOLS])
    fold, next_tick, batches, seconds = TradeFold(Source.BINANCE, "one", max_skew=TICK), START, 0, 0
    with costs_at_most(SHARE * SECONDS):
        for at, frame in made:
            if at >= next_tick:
                next_tick += TICK
                fold.confirm(SYMBOLS, at)
                batch = fold.take(at)
                if batch is not None:
                    fold.positions(batch)
                    encode_batch_parts(batch)
                    batches, seconds = batches + 1, seconds + len(batch.closed)
            for event in protocol.receive(frame, at):
                if isinstance(event, SymbolTrades):
                    fold.fold(event.symbol, event.trades, event.received_at)
    assert batches == SECONDS * 10 - 1
    assert seconds == (SECONDS - 1) * INSTRUMENTS
