"""REST candles of one minute of four push feeds, each in its exchange's format.

Shapes: Coinbase `GET /products/<id>/candles`, Kraken `GET /0/public/OHLC`, OKX `GET /api/v5/market/candles` and
`history-candles`, Bybit `GET /v5/market/kline`, from their documentation. Texts marked (?) are not documented.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from simulator.client_limit_monitor import ClientLimitMonitors
from simulator.limits import RollingLimit, TokenBucket
from simulator.markets import PublishedKline
from simulator.nanotime import MINUTE, MS, SECOND, to_ms
from simulator.simulation_loop import SimulationLoop
from simulator.sources import BYBIT, COINBASE, KRAKEN, OKX

COINBASE_ROWS, KRAKEN_ROWS, BYBIT_ROWS = 300, 720, 1000
OKX_ROWS, OKX_HISTORY_ROWS = 300, 100
DEFAULT_OKX_ROWS, DEFAULT_BYBIT_ROWS = 100, 200
# The newest minutes that OKX's first address has.
OKX_RECENT = 1440
KRAKEN_OLD_NAMES = {"XBT": "BTC", "XDG": "DOGE"}

Find = Callable[[str, int, int], Sequence[PublishedKline] | None]
Answer = tuple[int, str]
_Respond = Callable[[Mapping[str, str], Find, int], Answer]


def kline_routes(simulation: SimulationLoop, monitors: ClientLimitMonitors) -> list[Route]:
    """Create the routes of all four exchanges. Calls beyond the documented rates are refused."""

    def route(source: str, path: str, respond: _Respond, limit: RollingLimit | TokenBucket) -> Route:
        async def answer(request: Request) -> Response:
            now_ns = simulation.clock()
            monitor = monitors.for_source(source)
            monitor.record_call("rest", now_ns)
            if (retry_at_ns := limit.retry_at(_address(request), now_ns)) is not None:
                monitor.record_violation("klines_rate", now_ns)
                monitor.record_refusal("rest", now_ns, retry_at_ns)
                status, body = _REFUSALS[source]
            else:
                await simulation.catch_up()
                query = {**request.query_params, **request.path_params}
                status, body = respond(query, _finder(simulation, source), now_ns)
            return Response(body, status, media_type="application/json")

        return Route(path, answer)

    return [
        route(COINBASE, "/coinbase/products/{product}/candles", _coinbase, RollingLimit(10, SECOND)),
        route(KRAKEN, "/kraken/0/public/OHLC", _kraken, TokenBucket(per_second=1, burst=15)),
        route(OKX, "/okx/api/v5/market/candles", _okx_recent, RollingLimit(40, 2 * SECOND)),
        route(OKX, "/okx/api/v5/market/history-candles", _okx_history, RollingLimit(20, 2 * SECOND)),
        route(BYBIT, "/bybit/v5/market/kline", _bybit, RollingLimit(600, 5 * SECOND)),
    ]


_REFUSALS: Mapping[str, Answer] = {
    COINBASE: (429, '{"message":"Public rate limit exceeded"}'),
    KRAKEN: (200, '{"error":["EGeneral:Too many requests"]}'),
    OKX: (429, '{"code":"50011","msg":"Too Many Requests"}'),
    BYBIT: (200, '{"retCode":10006,"retMsg":"Too many visits!","result":{}}'),
}


def _finder(simulation: SimulationLoop, source: str) -> Find:
    """Return how to find the minutes of a code; the result is None for an unknown one."""
    venue = simulation.world.venues.get(source)

    def find(code: str, start_ns: int, end_ns: int) -> Sequence[PublishedKline] | None:
        if venue is None or code not in venue.listings():
            return None
        return venue.klines(code, start_ns, min(end_ns, simulation.clock()))

    return find


def _coinbase(query: Mapping[str, str], find: Find, now_ns: int) -> Answer:
    """Newest first: time, low, high, open, close, volume.

    Minutes without trades are left out.
    """
    if query.get("granularity", "60") != "60":
        return 400, '{"message":"Unsupported granularity"}'
    try:
        end_ns = _iso_ns(query["end"]) if "end" in query else now_ns
        start_ns = _iso_ns(query["start"]) if "start" in query else end_ns - COINBASE_ROWS * MINUTE
    except ValueError:
        return 400, '{"message":"Invalid start"}'
    if end_ns - start_ns > COINBASE_ROWS * MINUTE:
        said = (
            "granularity too small for the requested time range. "
            f"Count of aggregations requested exceeds {COINBASE_ROWS}"
        )
        return 400, json.dumps({"message": said})
    # The end belongs to the range.
    found = find(query["product"], start_ns, end_ns + 1)
    if found is None:
        return 404, '{"message":"NotFound"}'
    rows = [
        f"[{one.start_ns // SECOND},{_bare(one.low)},{_bare(one.high)},{_bare(one.open)},{_bare(one.close)},{_bare(one.volume)}]"
        for one in reversed(found)
        if one.count
    ]
    return 200, f"[{','.join(rows[:COINBASE_ROWS])}]"


def _kraken(query: Mapping[str, str], find: Find, now_ns: int) -> Answer:
    """The newest 720 at most, the oldest first, whatever `since` says; the last is not over."""
    if query.get("interval", "1") != "1":
        return 200, '{"error":["EGeneral:Invalid arguments"]}'
    code = _kraken_code(query.get("pair", ""))
    last_ns = now_ns - now_ns % MINUTE
    found = find(code, last_ns - (KRAKEN_ROWS - 1) * MINUTE, now_ns)
    if found is None:
        return 200, '{"error":["EQuery:Unknown asset pair"]}'
    since = query.get("since", "0")
    since_ns = int(since) * SECOND if since.isdigit() else 0
    rows = [_kraken_row(one) for one in found if one.start_ns > since_ns or one.start_ns == last_ns]
    last = last_ns // SECOND - 60
    return 200, json.dumps(
        {"error": [], "result": {query["pair"]: rows, "last": last}}, separators=(",", ":")
    )


def _kraken_code(pair: str) -> str:
    """Return the code of WebSocket v2 of a pair in one of its old or new spellings."""
    base, slash, quote = pair.partition("/")
    if not slash:
        quote = next((one for one in ("USDT", "USDC", "USD", "EUR") if pair.endswith(one)), "")
        base = pair.removesuffix(quote)
    return f"{KRAKEN_OLD_NAMES.get(base, base)}/{quote}"


def _kraken_row(kline: PublishedKline) -> list[object]:
    vwap = kline.quote_volume / kline.volume if kline.volume else Decimal(0)
    prices = (kline.open, kline.high, kline.low, kline.close, vwap.quantize(kline.close))
    return [kline.start_ns // SECOND, *(f"{price:f}" for price in prices), f"{kline.volume:.8f}", kline.count]


def _okx_recent(query: Mapping[str, str], find: Find, now_ns: int) -> Answer:
    return _okx(query, find, now_ns, now_ns - OKX_RECENT * MINUTE, OKX_ROWS)


def _okx_history(query: Mapping[str, str], find: Find, now_ns: int) -> Answer:
    return _okx(query, find, now_ns, 0, OKX_HISTORY_ROWS)


def _okx(query: Mapping[str, str], find: Find, now_ns: int, oldest_ns: int, most: int) -> Answer:
    """Newest first, between `before` and `after`, which are times and do not belong to it."""
    if query.get("bar", "1m") != "1m":
        return 200, '{"code":"51000","msg":"Parameter bar error","data":[]}'
    numbers = {name: query[name] for name in ("before", "after", "limit") if name in query}
    if wrong := next((name for name, value in numbers.items() if not value.isdigit()), None):
        return 200, json.dumps({"code": "51000", "msg": f"Parameter {wrong} error", "data": []})
    start_ns = max(oldest_ns, (int(numbers.get("before", 0)) + 1) * MS)
    end_ns = min(now_ns, int(numbers.get("after", to_ms(now_ns) + 1)) * MS)
    found = find(query.get("instId", ""), start_ns, end_ns)
    if found is None:
        return (
            200,
            '{"code":"51001","msg":"Instrument ID, Instrument ID code, or Spread ID doesn\'t exist.","data":[]}',
        )
    limit = min(int(numbers.get("limit", DEFAULT_OKX_ROWS)), most)
    rows = [_okx_row(one, now_ns) for one in reversed(found)][:limit]
    return 200, json.dumps({"code": "0", "msg": "", "data": rows}, separators=(",", ":"))


def _okx_row(kline: PublishedKline, now_ns: int) -> list[str]:
    values = (kline.open, kline.high, kline.low, kline.close, kline.volume)
    is_over = kline.start_ns + MINUTE <= now_ns
    quote = f"{kline.quote_volume:f}"
    return [str(to_ms(kline.start_ns)), *(f"{value:f}" for value in values), quote, quote, str(int(is_over))]


def _bybit(query: Mapping[str, str], find: Find, now_ns: int) -> Answer:
    """Newest first, from `start` to `end`, which both belong to it."""
    if query.get("category", "linear") != "spot" or query.get("interval") != "1":
        return _bybit_error("params error: category or interval invalid (?)", now_ns)
    numbers = {name: query[name] for name in ("start", "end", "limit") if name in query}
    if any(not value.isdigit() for value in numbers.values()):
        return _bybit_error("params error: not a number (?)", now_ns)
    end_ns = (int(numbers.get("end", to_ms(now_ns))) + 1) * MS
    found = find(query.get("symbol", ""), int(numbers.get("start", 0)) * MS, min(end_ns, now_ns))
    if found is None:
        return _bybit_error("Not supported symbols", now_ns)
    limit = min(int(numbers.get("limit", DEFAULT_BYBIT_ROWS)), BYBIT_ROWS)
    rows = [_bybit_row(one) for one in reversed(found)][:limit]
    result = {"category": "spot", "symbol": query["symbol"], "list": rows}
    return 200, _bybit_body(0, "OK", result, now_ns)


def _bybit_row(kline: PublishedKline) -> list[str]:
    values = (kline.open, kline.high, kline.low, kline.close, kline.volume, kline.quote_volume)
    return [str(to_ms(kline.start_ns)), *(f"{value:f}" for value in values)]


def _bybit_error(said: str, now_ns: int) -> Answer:
    return 200, _bybit_body(10001, said, {}, now_ns)


def _bybit_body(code: int, said: str, result: object, now_ns: int) -> str:
    answer = {"retCode": code, "retMsg": said, "result": result, "retExtInfo": {}, "time": to_ms(now_ns)}
    return json.dumps(answer, separators=(",", ":"))


def _bare(value: Decimal) -> str:
    """A JSON number without needless zeros."""
    plain = f"{value:f}"
    return plain.rstrip("0").rstrip(".") if "." in plain else plain


def _iso_ns(text: str) -> int:
    """Parse a time: ISO 8601, or seconds of the epoch."""
    if text.isdigit():
        return int(text) * SECOND
    return int(datetime.fromisoformat(text).timestamp() * 1000) * MS


def _address(request: Request) -> str:
    return request.client.host if request.client else ""
