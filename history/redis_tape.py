"""The tape in Redis: a bounded list of trades per instrument."""

from datetime import timedelta

import msgspec
import structlog

from cache.redis_client import LuaScript, RedisClient, ScriptArgument, read_script, translated_errors
from history.trade import Trade
from history.trade_tape import TAPE_LENGTH, NewTrades
from rates.redis_keys import RedisKeys
from rates.source import Source
from rates.symbol import Symbol

# An instrument without a trade for so long has no tape.
LIFETIME = timedelta(days=1)
_MILLISECOND = timedelta(milliseconds=1)
_decoder = msgspec.json.Decoder(Trade)


class RedisTradeTape:
    """A `TradeTape` on Redis. `length`: trades of each instrument that are kept."""

    def __init__(self, redis: RedisClient, keys: RedisKeys, *, length: int = TAPE_LENGTH) -> None:
        self._redis, self._keys, self._length = redis, keys, length
        self._append = LuaScript(redis, read_script("history", "append_trades.lua"))
        self._log = structlog.get_logger("ratewire.bars")

    async def append(self, source: Source, session: str, trades: NewTrades) -> None:
        if not trades:
            return
        names = [self._keys.bars_lease(source)]
        arguments: list[ScriptArgument] = [session, self._length, LIFETIME // _MILLISECOND]
        for symbol, new in trades.items():
            names.append(self._keys.trades(source, symbol))
            arguments += [len(new), *map(msgspec.json.encode, new)]
        await self._append.run(names, arguments)

    async def read(self, source: Source, symbol: Symbol, limit: int) -> list[Trade]:
        with translated_errors():
            found = await self._redis.execute_command("LRANGE", self._keys.trades(source, symbol), -limit, -1)
        trades = []
        for one in found:
            try:
                trades.append(_decoder.decode(one))
            except (msgspec.MsgspecError, ValueError) as exc:
                self._log.warning("unreadable trade", source=source.value, error=str(exc))
        return trades
