"""`trades` as clients see them."""

import asyncio
from collections.abc import AsyncIterator
from decimal import Decimal

import pytest

from cache.memory import MemoryCache
from gateway.gateway import Gateway
from gateway.settings import GatewaySettings
from history.trade import Trade
from history.trade_tape import MemoryTradeTape, TapeChunk
from rates.errors import CacheUnavailable
from rates.source import Source
from rates.symbol import Symbol
from tests.gateway.fakes import FakeClock, ListedInstruments, wait_until
from tests.gateway.fixture_types import Execute
from tests.history.trades import at, trade

BTC = Symbol("BTC", "USDT")


class BrittleTape(MemoryTradeTape):
    """A tape that can be away."""

    is_away = False

    async def read(self, source: Source, symbol: Symbol, limit: int | None = None) -> list[Trade]:
        if self.is_away:
            raise CacheUnavailable("redis.internal refused the connection")
        return await super().read(source, symbol, limit)


@pytest.fixture
def tape() -> BrittleTape:
    return BrittleTape()


@pytest.fixture
async def gateway(
    instruments: ListedInstruments, settings: GatewaySettings, clock: FakeClock, tape: BrittleTape
) -> AsyncIterator[Gateway]:
    """A gateway that reads the tape."""
    gateway = Gateway(MemoryCache(), instruments, settings, simulated=False, tape=tape, clock=clock)
    task = asyncio.create_task(gateway.run())
    await wait_until(lambda: gateway.mirror.loaded and gateway.catalog.loaded)
    yield gateway
    task.cancel()
    await asyncio.wait([task])


async def test_the_last_trades_are_told_the_newest_last(execute: Execute, tape: BrittleTape) -> None:
    """With all digits, and what the source does not tell as null."""
    odd = Trade("x-7", Decimal("0.00000001"), Decimal("7.10"), at(3.5), None, 3, after_gap=True)
    await tape.append(Source.BINANCE, "one", {BTC: TapeChunk((trade(1, 1), trade(2, 2, "5"), odd))})
    result = await execute(
        """{ trades(symbol: "BTC/USDT", source: BINANCE, last: 2) { sourceTradeId price quantity time side count afterGap }
            none: trades(symbol: "BTC/USDT", source: COINGECKO) { price } }"""
    )
    assert not result.errors
    assert list(result.data["trades"]) == [
        {
            "sourceTradeId": "2",
            "price": "5",
            "quantity": "1",
            "time": "2024-08-08T12:00:02.000Z",
            "side": "BUY",
            "count": 1,
            "afterGap": False,
        },
        {
            "sourceTradeId": "x-7",
            "price": "0.00000001",
            "quantity": "7.10",
            "time": "2024-08-08T12:00:03.500Z",
            "side": None,
            "count": 3,
            "afterGap": True,
        },
    ]
    assert list(result.data["none"]) == []


async def test_what_cannot_be_answered_is_an_error(execute: Execute, tape: BrittleTape) -> None:
    """Other root fields are answered."""
    tape.is_away = True
    result = await execute(
        """{ away: trades(symbol: "BTC/USDT", source: BINANCE) { price }
            unknown: trades(symbol: "BTC/USD", source: BINANCE) { price }
            none: trades(symbol: "BTC/USDT", source: BINANCE, last: 0) { price }
            many: trades(symbol: "BTC/USDT", source: BINANCE, last: 201) { price }
            source(code: BINANCE) { code } }"""
    )
    assert result.codes() == {
        "away": "HISTORY_UNAVAILABLE",
        "unknown": "UNKNOWN_SYMBOL",
        "none": "BAD_USER_INPUT",
        "many": "BAD_USER_INPUT",
    }
    assert not any("redis.internal" in error.message for error in result.errors)
    assert result.data["source"] == {"code": "BINANCE"}
