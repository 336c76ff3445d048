"""Consensus and conversion of all recorded symbols, computed again by other means.

Which sources take part, with which weight, and which way a conversion goes follows from raw rates, the reviewed tables and the
documented rules.
"""

import ast
import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from itertools import islice, permutations
from pathlib import Path

import httpx
import pytest

from runtime.free_port import free_port
from tests.e2e import published, recomputed_consensus, recomputed_conversion
from tests.e2e.processes import eventually, running
from tests.e2e.published import LIST, Market
from tests.e2e.recorded import read_lines, recording
from tests.json_types import Json
from tests.simulator.test_recorded_feeds import KRAKEN

pytestmark = [pytest.mark.servers, pytest.mark.timeout(500)]

# Recorded observations may be older than every TTL.
OLD_MS = 2_000_000_000
LIMITS = {
    "RATEWIRE_GATEWAY_MAX_ALIASES": "10000",
    "RATEWIRE_GATEWAY_MAX_TOKENS": "100000",
    "RATEWIRE_GATEWAY_MAX_COST": "10000000",
    "RATEWIRE_GATEWAY_MAX_BODY_BYTES": "1000000",
    "RATEWIRE_SIMULATOR_COINGECKO_CALLS_PER_MINUTE": "0",
    "RATEWIRE_COINGECKO_CALLS_PER_MINUTE": "10000",
}
INSTRUMENTS = (
    "{ instruments(first: 200) { nodes { symbol source { code } sourceSymbol } pageInfo { hasNextPage } } }"
)
# Five exchanges as they traded, and CoinGecko's first answers.
LIVE = (
    "binance_spot_ws_10symbols_20210417.txt.gz",
    "coinbase_ws_5products_20210417.txt.gz",
    "okx_ws_10instruments_20220227.txt.gz",
    "bybit_v5_mixed_20260809.jsonl.zst",
    "coingecko_http_2021.jsonl.gz",
)
# All that CoinGecko answered, and the beginning of two coins at Binance beside the same at others.
BEGINNINGS = ("binance_spot_ws_btcusdt_20240808.txt.gz", "binance_spot_ws_ethusdt_20240808.txt.gz")
FRAMES = 3_000
ENDED = (
    "bybit_v5_mixed_20260809.jsonl.zst",
    "coingecko_http_2023_2025h1.jsonl.gz",
)
# From the documented shapes: sources that quote BTC/USDT near Binance, and one that is 5 % off.
OKX = """\
wss://ws.okx.com/ws/v5/public <-> 1700000000.0
1700000000.4: {"arg":{"channel":"tickers","instId":"BTC-USDT"},"data":[{"instType":"SPOT","instId":"BTC-USDT","last":"64800.1","lastSz":"0.1","askPx":"64800.2","askSz":"1","bidPx":"64800","bidSz":"1","open24h":"60000","high24h":"65000","low24h":"59000","volCcy24h":"1","vol24h":"10.5","ts":"1700000000390"}]}
"""
COINBASE = """\
wss://ws-feed.pro.coinbase.com <-> 1700000000.0
1700000000.4: {"type":"ticker","sequence":1,"product_id":"BTC-USDT","price":"61705.12","open_24h":"60000","volume_24h":"3.25","low_24h":"59000","high_24h":"65000","volume_30d":"100","best_bid":"61710.00","best_bid_size":"1","best_ask":"61710.01","best_ask_size":"1","side":"buy","time":"2023-11-14T22:13:20.390000Z","trade_id":1,"last_size":"0.1"}
"""
WRITTEN = {
    "okx.txt": OKX,
    "coinbase.txt": COINBASE,
    "kraken.txt": KRAKEN.replace("BTC/USD", "BTC/USDT").replace("1059", "617"),
}


class Replayed:
    """A gateway over recordings."""

    def __init__(self, client: httpx.AsyncClient, status_url: str) -> None:
        self._client = client
        self._status_url = status_url

    async def ask(self, text: str) -> Json:
        """The answer, with its errors."""
        return (await self._client.post("/graphql", json={"query": text})).json()

    async def has_ended(self) -> bool:
        """Whether every recorded frame has been published."""
        async with httpx.AsyncClient(trust_env=False, timeout=60) as client:
            return (await client.get(self._status_url)).json()["ended_at_ms"] is not None

    async def seen(self) -> set[str]:
        """The sources with a rate."""
        listed = (await self.ask("{ rates { items { source { code } } } }"))["data"]["rates"]["items"]
        return {each["source"]["code"] for each in listed}


@asynccontextmanager
async def replayed(folder: Path, paths: Sequence[Path], speed: int) -> AsyncIterator[Replayed]:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    env = {"RATEWIRE_GATEWAY_PORT": str(port), "RATEWIRE_STANDALONE_FOLDER": str(folder), **LIMITS}
    arguments = [part for path in paths for part in ("--replay", str(path))]
    async with (
        running("up", *arguments, "--speed", str(speed), env=env) as command,
        httpx.AsyncClient(base_url=url, timeout=60, trust_env=False) as client,
    ):
        await command.prints("gateway listening", within_s=120)
        status_url = re.search(r"status=(http://\S+)", command.text)
        assert status_url is not None
        yield Replayed(client, status_url[1])


class Recomputation:
    """Asks in one document for raw rates and merged answers, and compares them."""

    def __init__(self, gateway: Replayed, instruments: Sequence[Json], order: Sequence[str]) -> None:
        self._gateway, self._instruments, self._order = gateway, instruments, order
        self.reasons: set[str] = set()
        self.qualities: set[str] = set()
        self.outcomes: set[str] = set()

    @classmethod
    async def of(cls, gateway: Replayed) -> "Recomputation":
        listed = (await gateway.ask(INSTRUMENTS))["data"]["instruments"]
        assert not listed["pageInfo"]["hasNextPage"]
        order = (await gateway.ask("{ sources { source { code } } }"))["data"]["sources"]
        return cls(gateway, listed["nodes"], [each["source"]["code"] for each in order])

    @property
    def symbols(self) -> list[str]:
        return sorted({each["symbol"] for each in self._instruments})

    async def consensus(self, symbol: str) -> None:
        """Check every consensus of a symbol."""
        asked = recomputed_consensus.questions(symbol, OLD_MS)

        async def compare() -> bool:
            before, after, answers, _ = await self._ask([each.field for each in asked])
            expected = [recomputed_consensus.expect(before, each) for each in asked]
            if not _is_steady(before, after) or expected != [
                recomputed_consensus.expect(after, each) for each in asked
            ]:
                return False
            for each, due, answer in zip(asked, expected, answers, strict=True):
                recomputed_consensus.check(each, due, answer)
                self.reasons |= set(due.reasons.values())
                self.qualities.add(due.quality)
            return True

        await eventually(compare, within_s=60, what=f"an answer between two changes of {symbol}")

    async def all_conversions(self, size: int, step: int) -> None:
        """Check conversions of all symbols and each `step`th pair, `size` in one document."""
        asked = conversions_of(self.symbols, step)
        for start in range(0, len(asked), size):
            await self.conversions(asked[start : start + size])

    async def conversions(self, asked: Sequence[recomputed_conversion.Asked]) -> None:
        """Check conversions."""

        async def compare() -> bool:
            before, after, answers, codes = await self._ask([each.field for each in asked])
            graphs = {pegs: recomputed_conversion.Graph(before, pegs=pegs) for pegs in (False, True)}
            later = {pegs: recomputed_conversion.Graph(after, pegs=pegs) for pegs in (False, True)}
            if not _is_steady(before, after):
                return False
            for each, answer, code in zip(asked, answers, codes, strict=True):
                due = recomputed_conversion.expect(graphs[each.pegs], each)
                if _spelt(due) != _spelt(recomputed_conversion.expect(later[each.pegs], each)):
                    return False
                recomputed_conversion.check(each, due, answer, code)
                self.outcomes.add(due if isinstance(due, str) else str(len(due)))
            return True

        await eventually(compare, within_s=60, what=f"an answer between two changes of {asked[0]}")

    async def _ask(self, fields: Sequence[str]) -> tuple[Market, Market, list[Json], list[str | None]]:
        aliased = "\n".join(f"a{number}: {field}" for number, field in enumerate(fields))
        answer = await self._gateway.ask(f"{{ before: {LIST}\n{aliased}\nafter: {LIST} }}")
        data = answer["data"]
        codes = {each["path"][0]: each["extensions"]["code"] for each in answer.get("errors", ())}
        before, after = (Market(self._instruments, data[name], self._order) for name in ("before", "after"))
        names = [f"a{number}" for number in range(len(fields))]
        return before, after, [data[name] for name in names], [codes.get(name) for name in names]


def _is_steady(before: Market, after: Market) -> bool:
    def values(market: Market) -> dict[tuple[str, str], Json]:
        return {key: {**rate.item, "ageMs": None} for key, rate in market.rates.items()}

    return values(before) == values(after) and before.suspended == after.suspended


def _spelt(due: Sequence[recomputed_conversion.Leg] | str) -> object:
    if isinstance(due, str):
        return due
    return [
        (leg.start, leg.end, leg.rate and (leg.rate.key, leg.rate.price, leg.rate.severity)) for leg in due
    ]


def conversions_of(symbols: Sequence[str], step: int) -> list[recomputed_conversion.Asked]:
    """Every symbol both ways, and each `step`th pair of assets, with several limits."""
    pairs = [tuple(symbol.split("/")) for symbol in symbols]
    assets = sorted({asset for pair in pairs for asset in pair})
    both = {*pairs, *((quote, base) for base, quote in pairs)}
    asked = [recomputed_conversion.Asked(one, other, OLD_MS, max_legs=1) for one, other in sorted(both)]
    for number, (one, other) in enumerate(islice(permutations(assets, 2), None, None, step)):
        age = (None, OLD_MS, 60_000)[number % 3]
        asked.append(
            recomputed_conversion.Asked(one, other, age, max_legs=2 + number % 2, pegs=number % 5 == 0)
        )
    return asked


@pytest.mark.long
async def test_trading_symbols_are_merged_as_documented(tmp_path: Path) -> None:
    """While five exchanges trade: no digit, weight, reason or route differs."""
    written = tmp_path / "kraken.txt"
    written.write_text(KRAKEN)
    paths = [*(recording(name) for name in LIVE), written]
    async with replayed(tmp_path, paths, 6) as gateway:

        async def has_begun() -> bool:
            return len(await gateway.seen()) == 6

        await eventually(has_begun, within_s=120, what="rates of all six sources")
        again = await Recomputation.of(gateway)
        assert len(again.symbols) > 20
        for symbol in again.symbols:
            await again.consensus(symbol)
        await again.all_conversions(40, 7)
    assert {"SINGLE_SOURCE", "INSUFFICIENT"} <= again.qualities
    assert {"1", "2", "NO_CONVERSION_PATH"} <= again.outcomes


@pytest.mark.parametrize("step", [7, pytest.param(1, marks=pytest.mark.long)])
async def test_all_symbols_at_the_end_of_the_recordings_are_merged_as_documented(
    tmp_path: Path, step: int
) -> None:
    """With sources that are far apart, outliers, and values of every age."""
    paths = [recording(name) for name in ENDED]
    cut = {name.removesuffix(".gz"): "".join(read_lines(recording(name))[:FRAMES]) for name in BEGINNINGS}
    for name, text in {**WRITTEN, **cut}.items():
        (tmp_path / name).write_text(text)
        paths.append(tmp_path / name)
    async with replayed(tmp_path, paths, 3_000_000) as gateway:

        async def is_over() -> bool:
            return await gateway.has_ended() and len(await gateway.seen()) == 6

        await eventually(is_over, within_s=120, what="the end of the recordings")
        again = await Recomputation.of(gateway)
        assert len(again.symbols) > 50
        for symbol in again.symbols:
            await again.consensus(symbol)
        await again.all_conversions(100, step)
    assert {"OUTLIER", "SUSPECT_IDENTITY", "TOO_FEW_SOURCES", "NO_VOLUME"} <= again.reasons
    assert {"AGREED", "DIVERGED", "SINGLE_SOURCE", "INSUFFICIENT"} <= again.qualities
    assert {"1", "2", "3", "NO_CONVERSION_PATH"} <= again.outcomes


@pytest.mark.parametrize("module", [published, recomputed_consensus, recomputed_conversion])
def test_the_recomputation_is_independent(module: object) -> None:
    """It imports nothing of the product."""
    path = Path(str(getattr(module, "__file__", None)))
    imported = {
        name
        for node in ast.walk(ast.parse(path.read_text()))
        for name in (
            [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else [each.name for each in node.names]
            if isinstance(node, ast.Import)
            else []
        )
    }
    product = ("gateway", "rates", "instruments", "cache", "runtime", "pipeline", "simulator", "standalone")
    assert imported
    assert not [name for name in imported if name.split(".")[0] in product]
