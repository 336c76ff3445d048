"""Conversions computed again from raw rates by the rules of docs/conversion.md.

Every path of up to three legs is tried.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import ROUND_HALF_EVEN, Context, Decimal
from fractions import Fraction
from functools import cached_property
from itertools import pairwise

from tests.e2e.published import Market, RawRate, is_apart, suspects
from tests.e2e.recomputed_consensus import FRESHNESS
from tests.json_types import Json

HUBS = ("USDT", "USD", "USDC", "EUR", "BTC", "ETH")
DOLLARS = {"USDT", "USDC", "DAI", "FDUSD", "GUSD", "PYUSD", "RLUSD", "TUSD", "USD1", "USDP", "USDS", "USD"}
EXAMINED = 64
DIGITS = Context(prec=34, rounding=ROUND_HALF_EVEN)
AMOUNT = "3.7"
ANSWER = "result freshness usesPeg legs { from to operation usedPrice peg rate { source { code } symbol } }"

Path = tuple[str, ...]


@dataclass(frozen=True)
class Asked:
    """The arguments of one conversion."""

    start: str
    end: str
    max_age_ms: int | None = None
    max_legs: int = 3
    pegs: bool = False

    @property
    def field(self) -> str:
        limit = "" if self.max_age_ms is None else f", maxAgeMs: {self.max_age_ms}"
        pegs = str(self.pegs).lower()
        return (
            f'conversion(amount: "{AMOUNT}", from: "{self.start}", to: "{self.end}", maxLegs: {self.max_legs}, '
            f"stablecoinsAsUsd: {pegs}{limit}) {{ {ANSWER} }}"
        )


@dataclass(frozen=True)
class Leg:
    """One hop; `rate` is `None` for a peg."""

    start: str
    end: str
    rate: RawRate | None

    @property
    def factor(self) -> Fraction:
        if self.rate is None:
            return Fraction(1)
        return self.rate.price if self.is_forward else 1 / self.rate.price

    @property
    def is_forward(self) -> bool:
        return self.rate is None or self.rate.item["symbol"].split("/")[0] == self.start


class Graph:
    """The tracked symbols that connect assets, in both directions."""

    def __init__(self, market: Market, *, pegs: bool) -> None:
        self.market = market
        self.symbols: dict[tuple[str, str], list[str]] = {}
        self.keys = set(self._usable())
        for symbol in sorted({symbol for _, symbol in self.keys}, key=lambda each: tuple(each.split("/"))):
            base, quote = symbol.split("/")
            if base != quote:
                self.symbols.setdefault((base, quote), []).append(symbol)
                self.symbols.setdefault((quote, base), []).append(symbol)
        assets = {one for one, _ in self.symbols}
        pegged = {"USD", *(DOLLARS & assets)} if pegs else set()
        for one in pegged:
            for other in pegged - {one}:
                self.symbols[one, other] = []
        self.neighbours: dict[str, set[str]] = {}
        for one, other in self.symbols:
            self.neighbours.setdefault(one, set()).add(other)

    def _usable(self) -> Iterator[tuple[str, str]]:
        """Merged instruments, and those of codes that only their source uses, unreviewed."""
        market = self.market
        merged = {key for key in market.tracked if key[0] in market.merged.get(key[1], ())}
        reviewed = {code for _, symbol in merged for code in symbol.split("/")}
        meaning: dict[str, str] = {}
        for key in sorted(market.tracked, key=lambda key: market.order.index(key[0])):
            for code in self._unreviewed(key):
                meaning.setdefault(code, key[0])
        for key in market.tracked:
            codes = self._unreviewed(key)
            if key in merged or (
                codes and all(code not in reviewed and meaning[code] == key[0] for code in codes)
            ):
                yield key

    def _unreviewed(self, key: tuple[str, str]) -> list[str]:
        codes, assets = key[1].split("/"), self.market.assets[key]
        return [code for code, asset in zip(codes, assets, strict=True) if asset is None]

    @cached_property
    def ranks(self) -> dict[str, tuple[int, int, str]]:
        """The usual quote assets first, then those with the most neighbours, then by name."""
        return {
            asset: (HUBS.index(asset) if asset in HUBS else len(HUBS), -len(others), asset)
            for asset, others in self.neighbours.items()
        }

    def paths(self, start: str, end: str, max_legs: int) -> list[Path]:
        """All paths without a repetition, in the documented order, 64 of each length."""
        by_length: dict[int, list[Path]] = {}
        ahead: list[Path] = [(start,)]
        while ahead:
            path = ahead.pop()
            if path[-1] == end:
                by_length.setdefault(len(path), []).append(path)
            elif len(path) <= max_legs:
                ahead += [(*path, other) for other in self.neighbours[path[-1]] if other not in path]
        return [
            path
            for _, paths in sorted(by_length.items())
            for path in sorted(paths, key=self._order)[:EXAMINED]
        ]

    def _order(self, path: Path) -> tuple[int, list[tuple[int, int, str]], Path]:
        pegs = sum(not self.symbols[hop] for hop in pairwise(path))
        return pegs, sorted((self.ranks[asset] for asset in path[1:-1]), reverse=True), path

    def leg(self, start: str, end: str, limit: timedelta | None) -> Leg | None:
        """The hop with the first usable rate, else the one that has used the least of its TTL."""
        symbols = self.symbols[start, end]
        if not symbols:
            return Leg(start, end, None)
        rates = [rate for symbol in symbols for rate in self._rates(symbol)]
        if not rates:
            return None
        allowed = [rate for rate in rates if is_allowed(rate, limit)]
        return Leg(start, end, allowed[0] if allowed else min(rates, key=lambda rate: rate.used))

    def _rates(self, symbol: str) -> list[RawRate]:
        """The rates of a symbol, most preferred first, without those that may be of another asset."""
        market = self.market
        keys = [(source, symbol) for source in market.order if (source, symbol) in self.keys]
        rates = [market.rates[key] for key in keys if key in market.rates]
        fresh = {rate.key[0]: rate.price for rate in rates if rate.severity == 0}
        merged = market.merged.get(symbol, frozenset())
        reviewed = {source: price for source, price in fresh.items() if source in merged}
        suspected = suspects(
            reviewed, {source: price for source, price in fresh.items() if source not in merged}
        )
        usable = [rate for rate in rates if rate.key[0] not in suspected]
        return [rate for rate in usable if not is_apart(rate.last, usable[0].last)]


def is_allowed(rate: RawRate, limit: timedelta | None) -> bool:
    age = rate.age("observedAt")
    return age is not None and age <= (rate.ttl if limit is None else limit)


def expect(graph: Graph, asked: Asked) -> Sequence[Leg] | str:
    """The legs, or the code of the error."""
    if not {asked.start, asked.end} <= graph.neighbours.keys():
        return "UNKNOWN_ASSET"
    paths = graph.paths(asked.start, asked.end, asked.max_legs)
    if not paths:
        return "NO_CONVERSION_PATH"
    limit = None if asked.max_age_ms is None else timedelta(milliseconds=asked.max_age_ms)
    late: list[tuple[int, Sequence[Leg]]] = []
    for path in paths:
        legs = [leg for hop in pairwise(path) if (leg := graph.leg(*hop, limit))]
        if len(legs) < len(path) - 1:
            continue
        rates = [leg.rate for leg in legs if leg.rate]
        if all(is_allowed(rate, limit) for rate in rates):
            return legs
        late.append((max(rate.severity for rate in rates), legs))
    return min(late, key=lambda each: each[0])[1] if late else "RATE_NOT_SEEN"


def check(asked: Asked, expected: Sequence[Leg] | str, answer: Json | None, code: str | None) -> None:
    """Compare an answer, or the code of its error, with what it should be."""
    if isinstance(expected, str):
        assert code in (expected, *(["SUSPECT_IDENTITY"] if expected == "RATE_NOT_SEEN" else [])), asked
        return
    assert answer is not None, (asked, code)
    assert [_said(leg) for leg in answer["legs"]] == [
        (leg.start, leg.end, leg.rate.key if leg.rate else None) for leg in expected
    ], asked
    for leg, found in zip(expected, answer["legs"], strict=True):
        assert Fraction(found["usedPrice"]) == (leg.rate.price if leg.rate else 1), asked
        assert found["operation"] == ("MULTIPLY" if leg.is_forward else "DIVIDE"), asked
        assert found["peg"] is (leg.rate is None), asked
    exact = Fraction(AMOUNT)
    for leg in expected:
        exact *= leg.factor
    rounded = DIGITS.divide(Decimal(exact.numerator), Decimal(exact.denominator))
    assert Decimal(answer["result"]) == rounded, asked
    assert (
        answer["freshness"] == FRESHNESS[max((leg.rate.severity for leg in expected if leg.rate), default=0)]
    )
    assert answer["usesPeg"] is any(leg.rate is None for leg in expected), asked


def _said(leg: Json) -> tuple[str, str, tuple[str, str] | None]:
    rate = leg["rate"]
    return leg["from"], leg["to"], None if rate is None else (rate["source"]["code"], rate["symbol"])
