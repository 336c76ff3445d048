"""Consensus and conversion of recorded symbols, computed again by other means.

Fractions instead of decimals.
"""

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import ROUND_HALF_EVEN, Context, Decimal
from fractions import Fraction
from pathlib import Path

import httpx
import pytest

from tests.e2e.processes import eventually, free_port, running
from tests.e2e.recorded import recording
from tests.json_types import Json
from tests.simulator.test_recorded_feeds import KRAKEN

pytestmark = [pytest.mark.servers, pytest.mark.timeout(180)]

NAMES = (
    "coinbase_ws_5products_20210417.txt.gz",
    "okx_ws_10instruments_20220227.txt.gz",
    "bybit_v5_mixed_20260809.jsonl.zst",
)
# Recorded observations are old: their freshness is not what is tested.
AGE_MS = 2_000_000_000
FIELDS = "source { code } price bid ask quotedAt lastTradeAt ttlMs ageMs observedAt"
DIGITS = Context(prec=34, rounding=ROUND_HALF_EVEN)


def basis_price(rate: Json) -> Fraction:
    """The last trade, or the mid where fresh quotes have left it behind (docs/consensus.md)."""
    price = Fraction(rate["price"])
    if None in (rate["bid"], rate["ask"], rate["quotedAt"]):
        return price
    bid, ask = Fraction(rate["bid"]), Fraction(rate["ask"])
    now = moment(rate["observedAt"]) + timedelta(milliseconds=rate["ageMs"])
    ttl = timedelta(milliseconds=rate["ttlMs"])
    if bid > ask or now - moment(rate["quotedAt"]) > ttl:
        return price
    traded = rate["lastTradeAt"]
    is_left_behind = not bid <= price <= ask or (traded is not None and now - moment(traded) > ttl)
    return (bid + ask) / 2 if is_left_behind else price


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def median(values: Sequence[Fraction]) -> Fraction:
    ordered = sorted(values)
    half = len(ordered) // 2
    return ordered[half] if len(ordered) % 2 else (ordered[half - 1] + ordered[half]) / 2


def question(symbol: str) -> str:
    base, quote = symbol.split("/")
    return f"""{{
      rates(symbols: ["{symbol}"]) {{ items {{ {FIELDS} }} }}
      consensusRate(symbol: "{symbol}", minSources: 1, maxAgeMs: {AGE_MS}) {{
        price contributions {{ included usedPrice rate {{ {FIELDS} }} }}
      }}
      conversion(amount: "3.7", from: "{base}", to: "{quote}", maxAgeMs: {AGE_MS}, maxLegs: 1) {{
        result legs {{ operation usedPrice rate {{ {FIELDS} }} }}
      }}
    }}"""


async def test_recorded_consensus_and_conversion_are_computed_again(tmp_path: Path) -> None:
    """Over all recorded symbols, no digit differs."""
    paths = [recording(name) for name in NAMES]
    written = tmp_path / "kraken.txt"
    written.write_text(KRAKEN)
    port = free_port()
    env = {"RATEWIRE_GATEWAY_PORT": str(port), "RATEWIRE_STANDALONE_FOLDER": str(tmp_path)}
    arguments = [part for path in (*paths, written) for part in ("--replay", str(path))]
    async with (
        running("up", *arguments, "--speed", "6", env=env) as command,
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False) as client,
    ):
        await command.prints("mirror current")

        async def ask(text: str) -> Json:
            return (await client.post("/graphql", json={"query": text})).json()["data"]

        async def symbols() -> list[str]:
            listed = await ask("{ rates { items { symbol } } }")
            return sorted({item["symbol"] for item in listed["rates"]["items"]})

        async def has_begun() -> bool:
            return len(await symbols()) > 9

        await eventually(has_begun, within_s=60, what="rates of the recorded symbols")
        for symbol in await symbols():
            check(symbol, await ask(question(symbol)))
            await asyncio.sleep(0)


def check(symbol: str, data: Json) -> None:
    """Compute both answers again from the rates that they name."""
    consensus, conversion = data["consensusRate"], data["conversion"]
    included = [each for each in consensus["contributions"] if each["included"]]
    for each in included:
        assert Fraction(each["usedPrice"]) == basis_price(each["rate"]), symbol
    expected = median([basis_price(each["rate"]) for each in included])
    assert Fraction(consensus["price"]) == expected, symbol
    (leg,) = conversion["legs"]
    assert leg["operation"] == "MULTIPLY"
    assert Fraction(leg["usedPrice"]) == basis_price(leg["rate"]), symbol
    exact = Fraction("3.7") * basis_price(leg["rate"])
    rounded = DIGITS.divide(Decimal(exact.numerator), Decimal(exact.denominator))
    assert Decimal(conversion["result"]) == rounded, symbol
