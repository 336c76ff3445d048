"""Answers while instruments and epochs change are those of the executor at that time."""

from datetime import timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from cache.memory import _SourceCache
from instruments.instrument import Halt, Suspicion
from tests.gateway.fakes import NOON, build_ticker
from tests.gateway.fastpath.test_queries import KEYS, Both, both
from tests.json_types import JsonObject
from tests.lengths import at_length
from tests.virtual_time import run_virtually

ALL = ["BTC/USDT", "ETH/USDT", "BTC/USD"]
ITEMS = "symbol price ageMs freshness instrument { id name status suspectSince }"
ASKED: list[tuple[str, JsonObject]] = [
    ("query($s: [Symbol!]!) { rates(symbols: $s) { items { symbol price ageMs } unavailable { symbol reason } } }", {"s": ALL}),
    ("query($s: [Symbol!]!) { rates(symbols: $s) { cursor items { freshness } } }", {"s": ALL[:1]}),
    (f"query($s: [Symbol!]) {{ rates(symbols: $s) {{ items {{ {ITEMS} }} cursor }} }}", {"s": ALL[:2]}),
    (f"query($s: [Symbol!]) {{ rates(symbols: $s) {{ items {{ {ITEMS} }} }} }}", {"s": ALL}),
    (
        "query($s: [Symbol!]!, $f: [SourceId!]) { rates(symbols: $s, sources: $f) { items { symbol price } unavailable { reason } } }",
        {"s": ALL, "f": ["COINGECKO", "BINANCE"]},
    ),
    (f"query($one: Symbol!) {{ rate(symbol: $one) {{ {ITEMS} source {{ code }} }} }}", {"one": "BTC/USDT"}),
    ("query($one: Symbol!, $t: Int) { rate(symbol: $one, maxTradeAgeMs: $t) { price ageMs } }", {"one": "BTC/USDT", "t": 9_000}),
    ("{ rates(maxAgeMs: 9000, onStale: OMIT) { items { symbol ageMs } unavailable { symbol reason } } }", {}),
    ("{ rates { items { symbol price } unavailable { symbol reason message } } }", {}),
]  # fmt: skip

keys = st.sampled_from(KEYS)
steps = st.lists(
    st.tuples(st.sampled_from(["halt", "resume", "delist", "list", "rename", "suspect", "clear"]), keys)
    | st.tuples(st.just("restart"), keys)
    | st.tuples(st.sampled_from(["write", "write far off"]), keys)
    | st.tuples(st.just("wait"), st.sampled_from([1, 999, 9_000_000, 10_000_000, 1_000_001, 10**9])),
    min_size=1,
    max_size=12,
)


async def take(system: Both, step: str, subject: Any, number: int) -> None:
    """Let something happen."""
    if step == "wait":
        system.clock.now += timedelta(microseconds=subject)
        return
    source, symbol = subject
    now = system.clock.now
    if step.startswith("write"):
        price = "9000" if step == "write far off" else str(100 + number)
        await system.write(build_ticker(symbol, price, source=source, observed_at=now, last_trade_at=now))
        return
    if step == "restart":
        system.cache._sources[source] = _SourceCache()
        await system.write(build_ticker(symbol, "77", source=source, observed_at=now, sequence=number))
        return
    listed = system.listed
    chosen = [each for each in listed.instruments if (each.source, str(each.symbol)) == (source, symbol)]
    if step == "delist":
        listed.instruments = [each for each in listed.instruments if each not in chosen]
    elif step == "list" and not chosen:
        listed.add(source, symbol)
    elif step in {"halt", "resume"}:
        listed.halt(source, symbol, Halt("HALT", NOON) if step == "halt" else None)
    elif step == "rename":
        listed.rename(source, symbol, f"Name {number}")
    else:
        suspicion = Suspicion("90 % away", NOON) if step == "suspect" else None
        listed.instruments = [
            msgspec.structs.replace(each, suspicion=suspicion) if each in chosen else each
            for each in listed.instruments
        ]
    await system.gateway.catalog.refresh()


@pytest.mark.slow
@settings(max_examples=at_length(40), deadline=None)
@given(happens=steps, asked=st.lists(st.sampled_from(ASKED), min_size=1, max_size=4, unique_by=str))
def test_no_answer_is_older_than_what_has_happened(
    happens: list[tuple[str, Any]], asked: list[tuple[str, JsonObject]]
) -> None:
    """Nothing that is kept for a document, a list or a selection outlives what it was made of."""

    async def run_scenario() -> None:
        async with both() as system:
            for source, symbol in KEYS:
                await system.write(build_ticker(symbol, source=source))
            for query, variables in asked:
                await system.check(query, variables)
            for number, (step, subject) in enumerate(happens):
                await take(system, step, subject, number)
                for query, variables in asked:
                    event(f"covered: {await system.check(query, variables)}")

    run_virtually(run_scenario())
